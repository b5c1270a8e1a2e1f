"""Wrong inputs of queues, networks and agents on ECS: a valid set of inputs with one of them broken."""

from typing import Any

from agent_hosting import AgentNetwork, AgentPlatform, EcsAgent, RunQueue
from tests.components.samples import PLATFORM

Case = tuple[type, dict[str, Any], str]
"""(component, what is broken, how the refusal begins); `SOURCE` stands for the agent's folder."""

CONTAINER_CASES: dict[str, Case] = {
    # Queues.
    "a visibility under a minute": (
        RunQueue,
        {"visibility_seconds": 59},
        "visibility_seconds is 59; it must be at least 60 and at most 120. Under 60 s a pause",
    ),
    "a visibility over two minutes": (
        RunQueue,
        {"visibility_seconds": 121},
        "visibility_seconds is 121; it must be at least 60 and at most 120. ",
    ),
    "a heartbeat that fits only twice": (
        RunQueue,
        {"heartbeat_seconds": 31, "visibility_seconds": 90},
        "heartbeat_seconds is 31; it must be more than 0 and at most 30. Three heartbeats must fit",
    ),
    "two receives": (
        RunQueue,
        {"max_receives": 2},
        "max_receives is 2; it must be at least 3 and at most 10. ",
    ),
    "eleven receives": (RunQueue, {"max_receives": 11}, "max_receives is 11; it must be at least 3 and"),
    "runs that wait as long as SQS keeps anything": (
        RunQueue,
        {"queue_retention_days": 14},
        "queue_retention_days is 14; it must be at least 1 and at most 13. SQS keeps",
    ),
    "dead letters that go with the queue's messages": (
        RunQueue,
        {"dead_letter_retention_days": 4},
        "dead_letter_retention_days is 4; it must be more than 4 and at most 14. A dead letter is as old",
    ),
    "dead letters for longer than SQS keeps anything": (
        RunQueue,
        {"dead_letter_retention_days": 15},
        "dead_letter_retention_days is 15; it must be more than 4 and at most 14. ",
    ),
    "runs that are forgotten before their dead letters": (
        RunQueue,
        {"checkpoint_retention_days": 14},
        "checkpoint_retention_days is 14; it must be more than 14 and at most 365. A dead letter may be sent",
    ),
    "an age that no message reaches": (
        RunQueue,
        {"oldest_message_alarm_seconds": 345_601},
        "oldest_message_alarm_seconds is 345601; it must be at least 0 and at most 345600. ",
    ),
    "a queue without a key": (RunQueue, {"key_arn": None}, "key_arn is None; it is required. Give the ARN"),
    "a queue whose alarms nobody hears": (
        RunQueue,
        {"alarm_topic_arn": None},
        "alarm_topic_arn is None; it is required. Give a topic, ",
    ),
    # Networks.
    "a network that is none": (
        AgentNetwork,
        {"cidr_block": "10.42.0.0"},
        "cidr_block is '10.42.0.0'; a network takes a /16 to a /24. Give one such as",
    ),
    "a network with a bit too much": (
        AgentNetwork,
        {"cidr_block": "10.42.0.1/16"},
        "cidr_block is '10.42.0.1/16'; that is no block of IPv4 addresses. ",
    ),
    "a network without a boundary": (
        AgentNetwork,
        {"boundary_arn": None},
        "boundary_arn is None; it is required. Take it",
    ),
    "a network without containers": (
        AgentPlatform,
        {"containers": False, "network": {"subnet_ids": [], "security_group_ids": []}},
        "network is '…'; only containers run in a network. Give containers=True, or leave it out.",
    ),
    # Workers.
    "no run at once": (
        EcsAgent,
        {"worker_concurrency": 0},
        "worker_concurrency is 0; it must be at least 1 and at most 100. More runs at once take more",
    ),
    "a hundred and one runs at once": (
        EcsAgent,
        {"worker_concurrency": 101},
        "worker_concurrency is 101; it must be at least 1 and",
    ),
    "no workers": (
        EcsAgent,
        {"max_workers": 0},
        "max_workers is 0; it must be at least 1 and at most 5000. ",
    ),
    "more than all on Spot": (
        EcsAgent,
        {"spot_share": 50},
        "spot_share is 50; it must be at least 0 and at most 1. Write 50 % as 0.5.",
    ),
    "a tenant without a place": (
        EcsAgent,
        {"tenant_share": 0},
        "tenant_share is 0; it must be more than 0 and at most 1. 1 lets one tenant fill a worker.",
    ),
    "a backlog of nothing": (
        EcsAgent,
        {"backlog_per_worker": 0},
        "backlog_per_worker is 0; it must be more than 0 and at most 10000. Omit it for as many as",
    ),
    "a processor that Fargate has not": (
        EcsAgent,
        {"cpu_units": 300},
        "cpu_units is 300; Fargate has 256, 512, 1024, 2048, 4096, 8192, 16384. 1024 units are one vCPU.",
    ),
    "memory that Fargate has beside more processor": (
        EcsAgent,
        {"memory_mb": 3072},
        "memory_mb is 3072; with 256 CPU units Fargate has 512, 1024, 2048 MB of memory. "
        "For 3072 MB give cpu_units=512.",
    ),
    "memory between two sizes": (
        EcsAgent,
        {"cpu_units": 1024, "memory_mb": 2500},
        "memory_mb is 2500; with 1024 CPU units Fargate has 2048 to 8192 in steps of 1024 MB of memory. "
        "Take the next larger one.",
    ),
    "more time to stop than Fargate gives": (
        EcsAgent,
        {"stop_seconds": 121},
        "stop_seconds is 121; it must be at least 30 and at most 120. Fargate kills a task 120 s after",
    ),
    "less time to stop than one heartbeat and the handing back": (
        EcsAgent,
        {"stop_seconds": 39},
        "stop_seconds is 39; it must hold one heartbeat (30 s, a third of visibility_seconds) and 10 s to "
        "hand runs back. Give 40, or lower visibility_seconds.",
    ),
    "a run that outlives its checkpoints": (
        EcsAgent,
        {"longest_run_seconds": 31 * 86_400},
        "longest_run_seconds is 2678400; it must be more than 0 and at most 2592000. A run must end while",
    ),
    "an agent that forgets runs before their dead letters": (
        EcsAgent,
        {"checkpoint_retention_days": 7},
        "checkpoint_retention_days is 7; it must be more than 14 and at most 365. ",
    ),
    "an image by its tag": (
        EcsAgent,
        {"releases": [{"source": "SOURCE", "image": "agents/handbook:v1"}]},
        "releases[0].image is 'agents/handbook:v1'; an image is pinned by its digest: a tag can be moved to "
        "other code. Write repository@sha256:…",
    ),
    "a working tree without an image in a real account": (
        EcsAgent,
        {"releases": [{"source": "SOURCE"}]},
        "releases[0].image is None; a container needs an image. Build one from the release's zip, push it, "
        "and give repository@sha256:…; with the architecture this-machine the embedded cloud runs the zip "
        "itself.",
    ),
    "a platform without a cluster": (
        EcsAgent,
        {"platform": {k: PLATFORM[k] for k in ("control_table_name", "control_table_arn", "boundary_arn")}},
        "platform.cluster_name is None; workers need a cluster in a network. Make the AgentPlatform with "
        "containers=True and pass all its outputs.",
    ),
    "a variable for an undeclared secret": (
        EcsAgent,
        {"secret_variables": {"CRM_TOKEN": "crm-token"}},
        "secret_variables.CRM_TOKEN is 'crm-token'; the manifest declares api-key. Declare it in",
    ),
    "a variable that the runtime has already": (
        EcsAgent,
        {"secret_variables": {"AGENT_NAME": "api-key"}},
        "secret_variables.AGENT_NAME is 'api-key'; a variable is upper-case letters, digits and '_', and "
        "none of AGENT_…, AWS_… or ECS_…. Name it as the library that reads it does.",
    ),
    "a share of an agent on ECS for an unknown release": (
        EcsAgent,
        {"shares": {"newest": 0.5, "ffffffffffff": 0.5}},
        "shares.ffffffffffff is 0.5; only listed releases take traffic: ",
    ),
}
