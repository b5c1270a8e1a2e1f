"""AWS Budgets: cost budgets with their notifications; budget actions are recorded."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Recorded, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, or_none


def _budget(given: Properties) -> Properties:
    budget: Properties = {
        "budgetName": given.get("name"),
        "budgetType": given.get("budgetType"),
        "timeUnit": given.get("timeUnit"),
        "budgetLimit": {"amount": str(given.get("limitAmount", "")), "unit": given.get("limitUnit")},
        "costFilters": {f["name"]: f["values"] for f in given.get("costFilters") or []},
    }
    return {
        "budget": budget,
        "notificationsWithSubscribers": [_notification(n) for n in given.get("notifications") or []],
    }


def _notification(given: Properties) -> Properties:
    kinds = (("SNS", "subscriberSnsTopicArns"), ("EMAIL", "subscriberEmailAddresses"))
    return {
        "notification": {k: v for k, v in given.items() if not k.startswith("subscriber")},
        "subscribers": [
            {"subscriptionType": k, "address": a} for k, name in kinds for a in given.get(name) or []
        ],
    }


def _write(client: Client, budget_id: str, properties: Properties) -> None:
    """Notifications have no call that replaces them all: the budget is made anew under its name."""
    name = budget_id.split(":", 1)[1]
    client.delete_budget(AccountId=ACCOUNT, BudgetName=name)
    made = _budget(properties)
    budget, limit = made["budget"], made["budget"]["budgetLimit"]
    client.create_budget(
        AccountId=ACCOUNT,
        Budget={
            "BudgetName": name,
            "BudgetType": budget["budgetType"],
            "TimeUnit": budget["timeUnit"],
            "BudgetLimit": {"Amount": limit["amount"], "Unit": limit["unit"]},
            "CostFilters": budget["costFilters"],
        },
        NotificationsWithSubscribers=[
            {
                "Notification": {k[0].upper() + k[1:]: v for k, v in n["notification"].items()},
                "Subscribers": [
                    {"SubscriptionType": s["subscriptionType"], "Address": s["address"]}
                    for s in n["subscribers"]
                ],
            }
            for n in made["notificationsWithSubscribers"]
        ],
    )


def _read_notifications(client: Client, budget_id: str, state: Properties) -> Properties:
    """Those of the program that still are, and others made by hand; moto does not tell who is told."""
    name = budget_id.split(":", 1)[1]
    said = client.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)
    held = [
        {property_: n.get(member) for property_, member in _NOTIFICATION.items()}
        for n in said["Notifications"]
    ]
    known = [n for n in state.get("notifications") or [] if {k: n.get(k) for k in _NOTIFICATION} in held]
    told = [{k: n.get(k) for k in _NOTIFICATION} for n in known]
    return {"notifications": known + [n for n in held if n not in told]}


def _find(client: Client, budget_id: str, _state: Properties) -> Any:
    name = budget_id.split(":", 1)[1]
    return or_none(lambda: client.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"])


def _outputs(found: Any) -> Properties:
    amount = str(found["BudgetLimit"]["Amount"])
    return {
        "name": found["BudgetName"],
        "accountId": ACCOUNT,
        "arn": f"arn:aws:budgets::{ACCOUNT}:budget/{found['BudgetName']}",
        "budgetType": found["BudgetType"],
        "timeUnit": found["TimeUnit"],
        "limitAmount": amount.rstrip("0").rstrip(".") if "." in amount else amount,
        "limitUnit": found["BudgetLimit"]["Unit"],
    }


_NOTIFICATION = {
    "comparisonOperator": "ComparisonOperator",
    "notificationType": "NotificationType",
    "threshold": "Threshold",
    "thresholdType": "ThresholdType",
}
_PROPERTIES = ("budgetType", "timeUnit", "limitAmount", "limitUnit", "costFilters", "notifications")

ROWS = (
    Row(
        token="aws:budgets/budget:Budget",
        service="budgets",
        create="CreateBudget",
        id=lambda p: f"{ACCOUNT}:{p['name']}",
        find=_find,
        constant={"AccountId": ACCOUNT},
        prepare=_budget,
        prepared=frozenset({"name", *_PROPERTIES}),
        outputs=_outputs,
        name=AutoName(longest=100),
        settings=(Setting(_PROPERTIES, _write, _read_notifications, on_create=False),),
        recorded=frozenset({"accountId", "tags", "timePeriodStart", "timePeriodEnd", "costTypes"}),
        before_delete=lambda client, budget, _state: client.delete_budget(
            AccountId=ACCOUNT, BudgetName=budget.split(":", 1)[1]
        ),
    ),
    Recorded(
        token="aws:budgets/budgetAction:BudgetAction",
        id="{budgetName}:{actionType}",
        replaces=frozenset({"budgetName", "actionType"}),
    ),
)
