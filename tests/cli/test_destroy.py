"""The stack `local` is destroyed whole, whatever guards its releases one by one."""

from agent_hosting_cli.engine import without_hooks


def test_the_state_keeps_all_but_the_hooks() -> None:
    guarded = {"urn": "a", "inputs": {"x": 1}, "resourceHooks": {"beforeDelete": ["hook"]}}
    deployment = {"manifest": {"time": "t"}, "resources": [guarded, {"urn": "b"}]}
    assert without_hooks(deployment) == {
        "manifest": {"time": "t"},
        "resources": [{"urn": "a", "inputs": {"x": 1}}, {"urn": "b"}],
    }
    assert "resourceHooks" in guarded
