"""An agent's main program: waits, and once its end has begun tries what a file says until one comes through or it is killed.

Arguments: the file, and the seconds that an attempt waits. Prints `waiting`, then a line of JSON for each result.
"""
import json, signal, sys, threading, time
import probe

ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
attempts = json.load(open(sys.argv[1]))
print("waiting", flush=True)
while not ending.wait(0.2):
    pass
said = False
while not said:
    for result in probe.run_all(attempts, sys.argv[2]):
        print(json.dumps(result), flush=True)
        said = result["said"].startswith("HTTP/1.1 200 ")
    time.sleep(0.2)
