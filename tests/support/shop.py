"""A small project that starts its own tasks: one that starts another, and one that fails."""

from __future__ import annotations

import os

from celery import Celery, signals
from celery.utils.log import get_task_logger

from celery_syslog import install
from support.folder import register

FOLDER = os.environ["SHOP_FOLDER"]
FOLDERS = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}

app = Celery("shop", broker=f"{register()}localhost//")
app.conf.broker_transport_options = {
    "polling_interval": 0.05,
    **{key: os.path.join(FOLDER, name) for key, name in FOLDERS.items()},
}
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
app.conf.syslog_url = os.path.join(FOLDER, "log")
app.conf.syslog_format = "json"
app.conf.syslog_ident = "shop"
install(app)

logger = get_task_logger("shop")


@app.task(name="shop.checkout")
def checkout(order: int) -> None:
    """Start the payment."""
    logger.info("order %d: %d items", order, 3)
    pay.delay(order)


@app.task(name="shop.pay")
def pay(order: int) -> None:
    """Pay, or fail."""
    print("asking the bank")
    if order == 13:
        raise ValueError("card refused")
    logger.warning("paid order %d", order, extra={"amount": 42})


@signals.worker_ready.connect
def start(**_: object) -> None:
    """Send the orders whose numbers are in the environment."""
    for order, task_id in zip((7, 13), os.environ.get("SHOP_TASKS", "").split(), strict=False):
        checkout.apply_async((order,), task_id=task_id)
