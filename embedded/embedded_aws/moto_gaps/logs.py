"""Amazon CloudWatch Logs: metrics in what is written to it. moto keeps the lines alone.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from typing import Any

from moto.logs.responses import LogsResponse

from embedded_aws.functions import metrics
from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    respond = LogsResponse.put_log_events

    def put_log_events(response: LogsResponse) -> Any:
        answer = respond(response)
        for event in response._get_param("logEvents") or []:
            metrics.put_embedded(response.current_account, response.region, event["message"])
        return answer

    return [(LogsResponse, "put_log_events", put_log_events)]
