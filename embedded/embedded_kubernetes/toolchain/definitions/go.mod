module agent-hosting/toolchain/definitions

go 1.26.0

require (
	github.com/argoproj/argo-rollouts v1.8.3
	github.com/external-secrets/external-secrets v1.3.2
	github.com/kedacore/keda/v2 v2.20.2
	sigs.k8s.io/agent-sandbox v0.1.1
	sigs.k8s.io/gateway-api v1.4.1
)
