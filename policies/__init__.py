"""The policy pack: what every stack that hosts agents must keep, whoever wrote the stack."""
