"""
Runs one command, waits for it, and writes down what it used: a process of its own, so that nobody else's memory is counted.

A child begins with the most memory that its parent has ever had. This parent imports next to nothing, and is started without
site packages: what it has is the least that can be measured, some ten megabytes.
"""

import os
import sys
import time

if __name__ == "__main__":
    file, *command = sys.argv[1:]
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    # Not a wait of the standard library's processes: only wait4 tells what this one child has used.
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - began
    with open(file, "w", encoding="ascii") as told:  # noqa: PTH123 - pathlib is an import
        told.write(f"{os.waitstatus_to_exitcode(status)} {wall} {used.ru_utime} {used.ru_stime} {used.ru_maxrss}")
