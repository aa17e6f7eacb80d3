"""A function: answers each line on its standard input, a number, with a line of JSON."""

import json
import os
import sys

working_set = bytearray(16 << 20)
working_set[::4096] = b"x" * len(working_set[::4096])
for line in sys.stdin:
    number = int(line)
    answer = {"instance": os.uname().nodename, "n": number, "sum_of_squares": sum(i * i for i in range(number))}
    print(json.dumps(answer), flush=True)
