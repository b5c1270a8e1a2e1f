"""boto3 clients of the embedded cloud, as its administrator."""

from typing import Any

from embedded_aws.addresses import Addresses


def admin_client(cloud: Addresses, service: str) -> Any:
    import boto3  # a quarter of a second, which most commands need not wait

    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 -- the embedded cloud's public administrator
    )
