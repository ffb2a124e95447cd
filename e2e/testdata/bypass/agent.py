"""An agent's main program: waits to be told what to try, and once its end has begun tries what its argument says until it is killed."""
import json, signal, subprocess, sys, threading

ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
while not ending.wait(0.2):
    pass
attempts = open(sys.argv[1]).read()
while True:
    done = subprocess.run([sys.executable, "/programs/probe.py"], input=attempts, capture_output=True, encoding="utf8")
    for result in json.loads(done.stdout or "[]"):
        print(json.dumps(result), flush=True)
