"""What looks bounded and is not: wildcards in other places, aliases, names in other spellings."""

import json
from typing import Any

import pytest

from tests.policies.judging import ACCOUNT, UNKNOWN, fails, found, passes, resource, text, unchecked

QUEUE_ARN = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:runs"


def may(action: str | list[str], on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on}


def policy(*statements: dict[str, Any]) -> Any:
    return resource("iam/policy:Policy", "own", {"policy": text(*statements)})


def to_all(key: str, value: Any, operator: str = "StringLike") -> dict[str, Any]:
    """Lets everybody send, on one condition."""
    return {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {operator: {key: value}},
    }


@pytest.mark.parametrize(
    ("key", "value", "operator"),
    [
        ("aws:SourceArn", "arn:*", "ArnLike"),
        ("aws:SourceArn", "arn:aws:sns:*:*:*", "ArnLike"),
        ("aws:SourceArn", "arn:aws:events:*:*:rule/nightly", "ArnLike"),
        ("aws:SourceArn", "arn:aws:s3:::*", "ArnLike"),
        ("aws:PrincipalArn", "arn:aws:iam::*:role/agent", "StringLike"),
        ("aws:SourceIp", ["0.0.0.0/1", "128.0.0.0/1"], "IpAddress"),
    ],
)
def test_a_condition_that_strangers_meet_narrows_nothing(key: str, value: Any, operator: str) -> None:
    statement = to_all(key, value, operator)
    assert fails("C14", resource("sqs/queuePolicy:QueuePolicy", "own", {"policy": text(statement)}))


@pytest.mark.parametrize(
    ("key", "value", "operator"),
    [
        ("aws:SourceArn", f"arn:aws:sns:*:{ACCOUNT}:*", "ArnLike"),
        ("aws:SourceArn", "arn:aws:s3:::data*", "ArnLike"),
        ("aws:SourceArn", "arn:aws:sns:eu-west-1:123456789012:alerts", "ArnEquals"),
        ("aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*", "StringLike"),
        ("aws:SourceIp", ["10.0.0.0/8"], "IpAddress"),
    ],
)
def test_a_condition_that_names_an_account_or_a_bucket_narrows(key: str, value: Any, operator: str) -> None:
    statement = to_all(key, value, operator)
    assert passes("C14", resource("sqs/queuePolicy:QueuePolicy", "own", {"policy": text(statement)}))


def test_a_trust_by_the_pattern_of_any_accounts_role_is_a_trust_in_everybody() -> None:
    for arn, told in (("arn:aws:iam::*:role/agent", 1), (f"arn:aws:iam::{ACCOUNT}:role/*", 0)):
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringLike": {"aws:PrincipalArn": arn}},
        }
        assert len(fails("C33", resource("iam/role:Role", "r", {"assumeRolePolicy": text(trust)}))) == told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"sourceArn": "*"}, 1),
        ({"sourceArn": "arn:aws:s3:::*"}, 1),
        ({"sourceArn": "arn:aws:events:*:*:rule/*"}, 1),
        ({"principalOrgId": "*"}, 1),
        ({"sourceArn": "arn:aws:s3:::data"}, 0),
        ({"sourceArn": f"arn:aws:execute-api:eu-west-1:{ACCOUNT}:*/*"}, 0),
        ({"sourceArn": "arn:aws:s3:::*", "sourceAccount": ACCOUNT}, 0),
        ({"sourceArn": UNKNOWN}, 0),
    ],
)
def test_a_source_that_takes_in_every_account_limits_no_caller(source: dict[str, Any], told: int) -> None:
    permission = {"action": "lambda:InvokeFunction", "principal": "s3.amazonaws.com", **source}
    assert len(fails("C01", resource("lambda/permission:Permission", "p", permission))) == told


@pytest.mark.parametrize("action", ["s3:**", "s3:*?", "?*", "*:?*", "**", "iam:?*"])
def test_a_whole_service_is_one_in_whatever_wildcards(action: str) -> None:
    assert len(fails("C30", policy(may(action)))) == 1


def test_actions_that_begin_alike_are_no_whole_service() -> None:
    assert passes("C30", policy(may(["s3:Get*", "logs:Describe*", "cloudwatch:*Data"])))


@pytest.mark.parametrize(
    ("rule", "action", "kind"),
    [
        ("C31", "iam:PutRolePolicy", "arn:aws:iam::*:role*"),
        ("C31", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/?*"),
        ("C31c", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret*"),
        ("C31c", "ssm:GetParameter", "arn:aws:ssm:*:*:parameter*"),
        ("C31c", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:*"),
    ],
)
def test_every_one_of_a_kind_is_every_one_in_whatever_wildcards(rule: str, action: str, kind: str) -> None:
    assert fails(rule, policy(may(action, kind)))


def test_names_that_begin_alike_are_not_every_one() -> None:
    for arn in ("arn:aws:s3:::bucket*", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:agent*"):
        assert passes("C31c", policy(may(["s3:GetObject", "sqs:ReceiveMessage"], arn)))


@pytest.mark.parametrize(
    "name", ["SecretsManagerReadWrite", "ReadOnlyAccess", "job-function/DatabaseAdministrator"]
)
def test_policies_of_aws_that_read_everything_fail(name: str) -> None:
    kind = "iam/rolePolicyAttachment:RolePolicyAttachment"
    assert len(fails("C30", resource(kind, "a", {"policyArn": f"arn:aws:iam::aws:policy/{name}"}))) == 1


def test_a_statement_whose_action_is_misspelt_is_malformed_and_not_empty() -> None:
    statement = {"Effect": "Allow", "action": "*", "Resource": "*"}
    assert fails("C30", policy(statement)) == ["has neither Action nor NotAction."]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, "Xk29fjw0q1Zz")
            for name in ("SECRET_KEY", "DJANGO_SECRET_KEY", "DB_PASS", "DB_PWD", "PGPASSWORD")
        ),
        *((name, "Xk29fjw0q1Zz") for name in ("openaiApiKey", "JWT_SIGNING_KEY", "DB_PASSWORD_PROD")),
        ("DB_PASSWORD", "/n9K+aaaa33="),
        ("DATABASE", "Server=db;Password=Xk29fjw0q1Zz;"),
        ("GIT", "glpat-" + "a1" * 10),
        ("HUB", "hf_" + "aB" * 17),
        ("PAYMENTS", "sk_live_" + "a1" * 12),
    ],
)
def test_a_secret_is_one_under_whatever_name(name: str, value: str) -> None:
    function = resource("lambda/function:Function", "f", {"environment": {"variables": {name: value}}})
    (told,) = fails("C07", function)
    assert value not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "/agents/prod/db-password"),
        ("ENCRYPTION_KEY", "alias/Agents-2"),
        ("SIGNING_KEY", "arn:aws:kms:eu-west-1:123456789012:key/1"),
        ("API_KEY_HEADER", "X-Api-Key-2"),
        ("COMPASS_SERVICE", "Xk29fjw0q1Zz"),
        ("DATABASE", "Server=db;Password=${password};"),
    ],
)
def test_where_a_secret_lies_is_no_secret(name: str, value: str) -> None:
    assert passes(
        "C07", resource("lambda/function:Function", "f", {"environment": {"variables": {name: value}}})
    )


FUNCTION_ARN = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:turn"
FUNCTION = {
    "name": "turn",
    "arn": FUNCTION_ARN,
    "timeout": 100,
    "reservedConcurrentExecutions": 2,
    "tags": {"agent": "helper"},
}


def reading(function_name: Any, made_from: dict[str, tuple[str, ...]] | None = None) -> list[Any]:
    """A queue that hides messages too briefly, an agent's function, its alias, and a mapping to it."""
    mapping = {
        "functionName": function_name,
        "eventSourceArn": QUEUE_ARN,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 10},
    }
    return [
        resource("lambda/function:Function", "turn", FUNCTION),
        resource("lambda/alias:Alias", "live", {"arn": f"{FUNCTION_ARN}:live", "functionName": "turn"}),
        resource("sqs/queue:Queue", "runs", {"arn": QUEUE_ARN, "visibilityTimeoutSeconds": 30}),
        resource("lambda/eventSourceMapping:EventSourceMapping", "reads", mapping, made_from),
    ]


@pytest.mark.parametrize(
    "name", [f"{FUNCTION_ARN}:live", f"{FUNCTION_ARN}:7", "turn:7", FUNCTION_ARN, "turn"]
)
def test_a_mapping_to_an_alias_or_a_version_reads_for_its_function(name: str) -> None:
    for rule in ("AG11", "AG12"):
        assert len(fails(rule, *reading(name))) == 1


def test_a_mapping_to_an_alias_that_is_unknown_yet_is_joined_by_what_it_was_made_from() -> None:
    for rule in ("AG11", "AG12"):
        assert len(fails(rule, *reading(UNKNOWN, {"functionName": ("live",)}))) == 1
    assert unchecked("AG12", *reading(UNKNOWN)) == ["functionName"]


def test_a_program_behind_an_approval_is_called_by_no_alias_beside_it() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/eraser"
    erases = text(may("s3:DeleteBucket", "arn:aws:s3:::data"))
    role = resource(
        "iam/role:Role",
        "eraser",
        {"arn": arn, "tags": {"agent": "helper"}, "inlinePolicies": [{"policy": erases}]},
    )
    function = resource("lambda/function:Function", "turn", {**FUNCTION, "role": arn})
    alias = resource("lambda/alias:Alias", "live", {"arn": f"{FUNCTION_ARN}:live", "functionName": "turn"})
    state = {"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "FunctionName": FUNCTION_ARN}
    machine = resource("sfn/stateMachine:StateMachine", "asks", {"definition": json.dumps(state)})
    assert passes("AG16", role, function, alias, machine)
    past = resource("lambda/functionUrl:FunctionUrl", "door", {"functionName": f"{FUNCTION_ARN}:live"})
    assert fails("AG16", role, function, alias, machine, past)


@pytest.mark.parametrize(
    "action",
    [
        *("kinesis:DeleteStream", "rds:DeleteDBSnapshot", "iam:CreateRole", "iam:PutUserPolicy", "kinesis:*"),
        *("backup:DeleteBackupVault", "ecr:SetRepositoryPolicy", "payments:SendPayment", "kinesis:Delete*"),
        "autoscaling:TerminateInstanceInAutoScalingGroup",
    ],
)
def test_what_destroys_is_told_by_its_name_in_whatever_service(action: str) -> None:
    role = {"tags": {"agent": "a"}, "inlinePolicies": [{"policy": text(may(action, "arn:aws:x:::y"))}]}
    assert len(fails("AG16", resource("iam/role:Role", "r", role))) == 1


def test_an_agents_daily_deletions_are_no_destruction() -> None:
    daily = ["dynamodb:DeleteItem", "s3:DeleteObject*", "sqs:DeleteMessage", "ec2:DeleteNetworkInterface"]
    more = ["iam:GetRole", "iam:PassRole", "kinesis:Put*", "execute-api:*"]
    role = {
        "tags": {"agent": "a"},
        "inlinePolicies": [{"policy": text(may([*daily, *more], "arn:aws:x:::y"))}],
    }
    assert passes("AG16", resource("iam/role:Role", "r", role))


def pods_of_agent(**container: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": "x", **container}]}
    return {"metadata": {"labels": {"agent": "helper"}}, "spec": spec}


@pytest.mark.parametrize(
    ("kind", "within"),
    [
        ("batch/v1:CronJob", ("spec", "jobTemplate", "spec", "template")),
        ("apps/v1:DaemonSet", ("spec", "template")),
        ("apps/v1:ReplicaSet", ("spec", "template")),
        ("keda.sh/v1alpha1:ScaledJob", ("spec", "jobTargetRef", "template")),
        ("extensions.agents.x-k8s.io/v1alpha1:SandboxTemplate", ("spec", "podTemplate")),
        ("apps/v1beta1:Deployment", ("spec", "template")),
    ],
)
def test_programs_of_agents_are_judged_in_whatever_object(kind: str, within: tuple[str, ...]) -> None:
    for rule in ("AG03", "AG15", "AG07b"):
        held: Any = pods_of_agent()
        for key in reversed(within):
            held = {key: held}
        assert fails(rule, resource(f"kubernetes:{kind}", "helper", held))


def test_a_rollout_of_another_workloads_pods_runs_no_program_itself() -> None:
    named = {"spec": {"workloadRef": {"kind": "Deployment", "name": "helper"}}}
    held = {"metadata": {"labels": {"agent": "helper"}}, **named}
    for rule in ("AG03", "AG15", "AG07b"):
        assert passes(rule, resource("kubernetes:argoproj.io/v1alpha1:Rollout", "helper", held))


def test_variables_that_a_map_of_the_cluster_holds_are_not_checked() -> None:
    one = {"name": "MAX_STEPS", "valueFrom": {"configMapKeyRef": {"name": "caps", "key": "steps"}}}
    for container in ({"env": [one]}, {"envFrom": [{"configMapRef": {"name": "caps"}}]}):
        held = {"spec": {"template": pods_of_agent(**container)}}
        assert unchecked("AG03", resource("kubernetes:apps/v1:Deployment", "helper", held))


def test_an_instance_takes_what_its_template_says() -> None:
    instance = resource("ec2/instance:Instance", "one", {"launchTemplate": {"id": "lt-1"}})
    kind, safe = "ec2/launchTemplate:LaunchTemplate", {"httpTokens": "required"}
    assert unchecked("C40b", instance) == ["launchTemplate"]
    assert passes("C40b", instance, resource(kind, "two", {"id": "lt-1", "metadataOptions": safe}))
    assert len(found("C40b", instance, resource(kind, "two", {"id": "lt-1"}))) == 1
    own = resource(
        "ec2/instance:Instance", "one", {**instance.props, "metadataOptions": {"httpTokens": "optional"}}
    )
    assert len(fails("C40b", own)) == 1


def test_a_subresource_of_everything_is_a_door_too() -> None:
    rule = {"apiGroups": [""], "resources": ["*/exec"], "verbs": ["create"]}
    assert (
        len(fails("C49", resource("kubernetes:rbac.authorization.k8s.io/v1:Role", "r", {"rules": [rule]})))
        == 1
    )


def test_the_roles_of_a_namespace_are_not_bound_in_all_of_them() -> None:
    for kind, name, told in (
        ("ClusterRoleBinding", "admin", 1),
        ("ClusterRoleBinding", "edit", 1),
        ("ClusterRoleBinding", "view", 0),
        ("RoleBinding", "edit", 0),
    ):
        held = {"roleRef": {"kind": "ClusterRole", "name": name}, "subjects": []}
        binding = resource(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}", "b", held)
        assert len(fails("C49b", binding)) == told


@pytest.mark.parametrize("origin", ["*", "https://*", "http://*"])
def test_every_site_is_every_site_by_whatever_scheme(origin: str) -> None:
    held = {"authorizationType": "AWS_IAM", "cors": {"allowOrigins": [origin]}}
    assert len(fails("C02", resource("lambda/functionUrl:FunctionUrl", "u", held))) == 1


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"], 1),
        (["1.0.0.0/7"], 1),
        (["2000::/3"], 1),
        (["10.0.0.0/8", "fc00::/7", "224.0.0.0/4"], 0),
    ],
)
def test_everywhere_in_parts_is_everywhere(blocks: list[str], told: int) -> None:
    rule = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": blocks}
    group = resource("ec2/securityGroup:SecurityGroup", "g", {"description": "Agents", "ingress": [rule]})
    assert len(fails("C42", group)) == told


def network(**endpoint: Any) -> list[Any]:
    """An agent in a network with an endpoint of Bedrock's."""
    service = "com.amazonaws.eu-west-1.bedrock-runtime"
    calls = may("bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/one")
    role = {"arn": "arn:r", "tags": {"agent": "helper"}, "inlinePolicies": [{"policy": text(calls)}]}
    function = {"tags": {"agent": "helper"}, "role": "arn:r", "vpcConfig": {"subnetIds": ["subnet-1"]}}
    return [
        resource("ec2/vpc:Vpc", "v", {"id": "vpc-1"}),
        resource("ec2/subnet:Subnet", "s", {"id": "subnet-1", "vpcId": "vpc-1"}),
        resource("iam/role:Role", "r", role),
        resource("lambda/function:Function", "f", function),
        resource("ec2/vpcEndpoint:VpcEndpoint", "e", {"vpcId": "vpc-1", "serviceName": service, **endpoint}),
    ]


def test_an_endpoint_that_no_name_leads_to_is_none() -> None:
    for off in ({}, {"privateDnsEnabled": None}, {"privateDnsEnabled": False}):
        assert len(fails("AG18c", *network(vpcEndpointType="Interface", **off))) == 1
    assert passes("AG18c", *network(vpcEndpointType="Interface", privateDnsEnabled=True))
    assert unchecked("AG18c", *network(vpcEndpointType="Interface", privateDnsEnabled=UNKNOWN))


def test_keys_of_a_container_are_read_in_whatever_case() -> None:
    caps = {"MAX_STEPS": "5", "MAX_TOOL_CALLS": "5", "MAX_OUTPUT_TOKENS": "50"}
    container = {"Name": "main", "Environment": [{"Name": key, "Value": caps[key]} for key in caps]}
    held = {"tags": {"agent": "helper"}, "containerDefinitions": json.dumps([container])}
    assert passes("AG03", resource("ecs/taskDefinition:TaskDefinition", "t", held))


@pytest.mark.parametrize(
    ("changed", "told"),
    [({}, 0), ({"comparisonOperator": "LESS_THAN"}, 2), ({"subscriberEmailAddresses": []}, 2)],
)
def test_an_alert_that_speaks_when_all_is_well_is_none(changed: dict[str, Any], told: int) -> None:
    alert = {"comparisonOperator": "GREATER_THAN", "threshold": 80, "subscriberEmailAddresses": ["a@b.c"]}
    alerts = [{**alert, **changed, "notificationType": kind} for kind in ("ACTUAL", "FORECASTED")]
    chosen = [{"name": "TagKeyValue", "values": ["user:agent$helper"]}]
    held = {"budgetType": "COST", "limitAmount": "100", "costFilters": chosen, "notifications": alerts}
    function = resource("lambda/function:Function", "f", {"tags": {"agent": "helper"}})
    assert len(fails("AG01", function, resource("budgets/budget:Budget", "b", held))) == told
    usage = resource("budgets/budget:Budget", "b", {**held, "budgetType": "USAGE"})
    assert len(fails("AG01", function, usage)) == told + 1


def test_queues_and_streams_are_known_in_every_partition() -> None:
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        mapping = {"functionName": "f", "eventSourceArn": f"arn:{partition}:sqs:x:{ACCOUNT}:q"}
        assert len(fails("AG12", resource("lambda/eventSourceMapping:EventSourceMapping", "m", mapping))) == 2
        mapping = {"functionName": "f", "eventSourceArn": f"arn:{partition}:kinesis:x:{ACCOUNT}:stream/s"}
        assert len(fails("C11", resource("lambda/eventSourceMapping:EventSourceMapping", "m", mapping))) == 2


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"gitlab.com:aud": "https://gitlab.com"}, 1),
        ({"gitlab.com:sub": "project_path:*"}, 1),
        ({"gitlab.com:sub": "project_path:acme/agents:ref_type:branch:ref:main"}, 0),
    ],
)
def test_an_issuer_that_all_the_world_shares_is_held_to_a_subject(condition: Any, told: int) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": condition},
    }
    assert len(fails("C33", resource("iam/role:Role", "r", {"assumeRolePolicy": text(trust)}))) == told


@pytest.mark.parametrize(
    "named",
    [
        "agents/a*",
        "agents/*",
        "*",
        "agents/a/key-AbCdEf",
        "agents/a/key-??????",
        "agents/a/key-Ab*",
        "?gents*",
    ],
)
@pytest.mark.parametrize(
    "arn", [UNKNOWN, f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:agents/a/key-AbCdEf"]
)
def test_readers_are_found_by_whatever_their_policies_begin_with(named: str, arn: Any) -> None:
    secret = resource("secretsmanager/secret:Secret", "s", {"name": "agents/a/key", "arn": arn})
    roles = [
        resource("iam/role:Role", name, {"tags": {"agent": name}, "inlinePolicies": [{"policy": text(held)}]})
        for name, on in (("one", named), ("two", "agents/a/key-*"), ("three", "agents/b/key-*"))
        for held in [
            may("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{on}")
        ]
    ]
    assert fails("AG08", secret, *roles) == ["2 agents' roles can read it: one, two."]
