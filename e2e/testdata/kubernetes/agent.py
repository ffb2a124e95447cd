# In an agent's place: configured as a client is in its pod, by the service account's folder and two variables. Says a line of JSON a finding.
import json
import sys
import threading

from kubernetes import client, watch
from kubernetes.config.incluster_config import InClusterConfigLoader
from kubernetes.stream import portforward, stream

task, folder, namespace, *rest = sys.argv[1:]
InClusterConfigLoader(token_filename=f"{folder}/token", cert_filename=f"{folder}/ca.crt").load_and_set()
core, apps = client.CoreV1Api(), client.AppsV1Api()


def say(**found):
    print(json.dumps(found), flush=True)


def works():
    """Creates, reads, lists, changes and deletes, and is refused."""
    notes = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="python"), data={"a": "1"})
    core.create_namespaced_config_map(namespace, notes)
    core.patch_namespaced_config_map("python", namespace, {"data": {"b": "2"}})
    say(data=core.read_namespaced_config_map("python", namespace).data)
    say(listed=sorted(each.metadata.name for each in core.list_namespaced_config_map(namespace).items))
    core.delete_namespaced_config_map("python", namespace)
    try:
        core.delete_namespaced_config_map("kept", namespace)
    except client.ApiException as refused:
        say(status=refused.status, message=json.loads(refused.body)["message"])


def follows(count):
    """Watches as much at once as a dashboard does, each until what it watches is deleted, and lists meanwhile."""

    def follow(index):
        watched = watch.Watch()
        for event in watched.stream(core.list_namespaced_config_map, namespace, label_selector=f"follower=f{index}"):
            say(follower=index, type=event["type"])
            if event["type"] == "DELETED":
                watched.stop()

    followers = [threading.Thread(target=follow, args=(index,)) for index in range(count)]
    for follower in followers:
        follower.start()
    lists = [core.list_namespaced_pod, core.list_namespaced_service, core.list_namespaced_event, apps.list_namespaced_deployment]
    asked = 0
    for follower in followers:
        while follower.is_alive():
            lists[asked % len(lists)](namespace)
            asked += 1
            follower.join(0.05)
    say(lists=asked)


def streams(pod, container, port):
    """Runs a command, and forwards a port."""
    shell = stream(
        core.connect_get_namespaced_pod_exec,
        pod,
        namespace,
        container=container,
        command=["/bin/sh"],
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    shell.write_stdin("echo out; echo over >&2; exit 3\n")
    shell.run_forever(timeout=60)
    say(stdout=shell.read_stdout(), stderr=shell.read_stderr(), code=shell.returncode)
    forwarded = portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
    connection = forwarded.socket(port)
    connection.setblocking(True)
    connection.sendall(b"GET /python HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    connection.close()
    say(answer=answer.decode().split("\r\n\r\n")[1])


if task == "works":
    works()
elif task == "follows":
    follows(int(rest[0]))
elif task == "streams":
    streams(rest[0], rest[1], int(rest[2]))
