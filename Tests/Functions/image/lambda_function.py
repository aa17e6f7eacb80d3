"""A Lambda function for awslambdaric."""

import os
import time


def handler(event, context):
    print(f"handles {context.aws_request_id}", flush=True)
    if event.get("fail"):
        raise ValueError(event["fail"])
    if event.get("exit"):
        os._exit(1)
    time.sleep(event.get("sleep", 0))
    return {
        "event": event,
        "function": context.function_name,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
    }
