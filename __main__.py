"""Serves the components to other languages: `pulumi package add <this repository>`."""

from pulumi.provider.experimental import component_provider_host

import agent_hosting

if __name__ == "__main__":
    component_provider_host(
        name="agent-hosting",
        components=[
            agent_hosting.Agent,
            agent_hosting.AgentBudget,
            agent_hosting.AgentBundle,
            agent_hosting.AgentCluster,
            agent_hosting.AgentIdentity,
            agent_hosting.AgentNetwork,
            agent_hosting.AgentPlatform,
            agent_hosting.CanaryTraffic,
            agent_hosting.CheckpointTable,
            agent_hosting.EcsAgent,
            agent_hosting.EksAgent,
            agent_hosting.FrontDoor,
            agent_hosting.LambdaAgent,
            agent_hosting.RolloutGroup,
            agent_hosting.RunQueue,
            agent_hosting.SecretScope,
            agent_hosting.ToolGateway,
        ],
    )
