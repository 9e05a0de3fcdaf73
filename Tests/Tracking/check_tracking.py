"""Trains with MLflow's server coming and going, and compares what the server has with the runs' own journals."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from fault_proxy import FaultProxy
from mlflow.tracking import MlflowClient

MEDSEG, MLFLOW, WORK = sys.argv[1:4]
CONFIG = """
data: {work}/data
validation: 0.34
network_def: {{_target_: monai.networks.nets.UNet, spatial_dims: 3, in_channels: 1, out_channels: 2,
  channels: [8, 16, 32], strides: [2, 2], num_res_units: 1, norm: batch}}
preprocessing: {{orientation: RAS, pixdim: [6, 6, 8], intensity: {{a_min: -57, a_max: 164, b_min: 0, b_max: 1, clip: true}}}}
roi_size: [32, 32, 16]
overlap: 0.25
sampling: {{pad: true, samples_per_volume: 4}}
optimizer: {{name: adam, learning_rate: 0.001}}
iterations: {iterations}
validate_every: 100
tracking: {{uri: "{uri}", experiment: phantoms, run_name: {name}}}
"""


class Server:
    """MLflow's server over a store, on a port that stays."""

    def __init__(self, name, store):
        self.folder = f"{WORK}/{name}"
        os.makedirs(self.folder)
        self.store = store.format(folder=self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        log = open(f"{self.folder}/server.log", "ab")
        environment = dict(os.environ, MLFLOW_ALLOW_FILE_STORE="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
        self.process = subprocess.Popen(
            [MLFLOW, "server", "--backend-store-uri", self.store, "--host", "127.0.0.1", "--port", str(self.port),
             "--workers", "1", "--artifacts-destination", f"{self.folder}/artifacts"],
            stdout=log, stderr=log, env=environment, cwd=self.folder, start_new_session=True)
        for _ in range(600):
            try:
                urllib.request.urlopen(self.uri + "/health", timeout=1)
                return
            except OSError:
                time.sleep(0.2)
        sys.exit(f"the server does not start:\n{open(log.name).read()[-3000:]}")

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def train(name, uri, iterations):
    path = f"{WORK}/{name}.yaml"
    with open(path, "w") as file:
        file.write(CONFIG.format(work=WORK, uri=uri, iterations=iterations, name=name))
    log = open(f"{WORK}/{name}.log", "wb")
    return subprocess.Popen([MEDSEG, "train", path, "--out", f"{WORK}/{name}", "--threads", "1"], stderr=log)


def steps(name):
    try:
        with open(f"{WORK}/{name}/training.csv") as file:
            return max(0, sum(1 for _ in file) - 1)
    except FileNotFoundError:
        return 0


def wait_for(name, count, process):
    while steps(name) < count and process.poll() is None:
        time.sleep(0.02)
    return time.monotonic(), steps(name)


def log(name):
    with open(f"{WORK}/{name}.log") as file:
        return file.read()


def sync(name, uri):
    outcome = subprocess.run(
        [MEDSEG, "track", "sync", uri, f"{WORK}/{name}", "--experiment", "phantoms"], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return int(outcome.stdout.split(": ")[-1].split()[0])


def compare(name, uri, iterations):
    """Everything of the journal is at the server, once."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("phantoms")
    runs = [r for r in client.search_runs([experiment.experiment_id]) if r.info.run_name == name]
    assert len(runs) == 1, f"{len(runs)} runs are called {name}"
    run = runs[0]
    logged, parameters, tags, artifacts = {}, {}, {}, set()
    with open(f"{WORK}/{name}/tracking/journal.jsonl") as file:
        for event in map(json.loads, file):
            if event["event"] == "metrics":
                for key, value in event["values"].items():
                    logged.setdefault(key, []).append((event["step"], event["time"], value))
            elif event["event"] == "parameters":
                parameters.update(event["values"])
            elif event["event"] == "tags":
                tags.update(event["values"])
            elif event["event"] == "artifact":
                artifacts.add(event["path"])
    assert set(run.data.metrics) == set(logged), set(run.data.metrics) ^ set(logged)
    values = 0
    for key, expected in logged.items():
        history = sorted((m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, key))
        assert history == sorted(expected), f"{key}: {len(history)} values at the server, {len(expected)} logged"
        values += len(history)
    with open(f"{WORK}/{name}/training.csv") as file:
        losses = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    at_server = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "train/loss")]
    assert [step for step, _ in sorted(at_server)] == list(range(1, iterations + 1)), "a step is missing or twice"
    assert all(abs(a - b) < 1e-6 for (_, a), (_, b) in zip(sorted(at_server), losses))
    assert parameters and parameters.items() <= run.data.params.items()
    assert tags.items() <= run.data.tags.items()
    assert run.data.tags["medseg.device"].startswith("cpu") and run.data.tags["medseg.data_hash"]
    assert run.info.status == "FINISHED", run.info.status

    def files(path=None):
        for item in client.list_artifacts(run.info.run_id, path):
            yield from files(item.path) if item.is_dir else [item.path]

    assert set(files()) == artifacts, set(files()) ^ artifacts
    assert {"model/model.safetensors", "model/model.json", "figures/training.png"} <= artifacts
    fetched = client.download_artifacts(run.info.run_id, "model/model.safetensors", f"{WORK}")
    with open(fetched, "rb") as theirs, open(f"{WORK}/{name}/model/model.safetensors", "rb") as ours:
        assert theirs.read() == ours.read(), "the model at the server is not the run's"
    print(f"{name}: {values} values of {len(logged)} metrics, {len(parameters)} parameters, {len(artifacts)} files: "
          "each at the server, once", flush=True)


def server_restarts():
    server, iterations = Server("sqlite", "sqlite:///{folder}/mlflow.db"), 1200
    process = train("restart", server.uri, iterations)
    start, first = wait_for("restart", 150, process)
    server.stop()
    away, second = wait_for("restart", 450, process)
    rate = (second - first) / (away - start)
    print(f"server away: the run took {rate:.0f} steps/s; starting it again after step {steps('restart')}", flush=True)
    server.start()
    assert process.wait() == 0, log("restart")
    assert "the run continues" in log("restart"), log("restart")
    print(f"left for sync: {sync('restart', server.uri)} events", flush=True)
    compare("restart", server.uri, iterations)
    assert sync("restart", server.uri) == 0
    server.stop()


def server_misbehaves():
    """Over MLflow's file store, which keeps whatever it is sent twice."""
    server, iterations = Server("files", "{folder}/mlruns"), 4000
    proxy = FaultProxy(server.uri)
    process = train("faults", proxy.uri, iterations)
    wait_for("faults", 100, process)
    for round, mode in enumerate(["lose", "500", "hang"], 1):
        proxy.mode = mode
        while proxy.faults[mode] == 0 and process.poll() is None:
            time.sleep(0.05)
        _, step = wait_for("faults", steps("faults") + 50, process)
        proxy.mode = "pass"
        while log("faults").count("answers again") < round and process.poll() is None:
            time.sleep(0.05)
        print(f"{mode}: met by step {step}, over by step {steps('faults')}", flush=True)
    assert all(proxy.faults.values()), proxy.faults
    proxy.mode = "lose"
    assert process.wait() == 0, log("faults")
    subprocess.run([MEDSEG, "track", "sync", proxy.uri, f"{WORK}/faults", "--experiment", "phantoms"])
    proxy.mode = "pass"
    print(f"faults met: {proxy.faults}; left for sync: {sync('faults', proxy.uri)} events", flush=True)
    compare("faults", server.uri, iterations)
    proxy.close()
    server.stop()


def no_server():
    """A server that refuses every connection; the journal is sent to another one later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{probe.getsockname()[1]}"
    process = train("refused", dead, 200)
    assert process.wait() == 0, log("refused")
    assert "medseg track sync" in log("refused"), log("refused")
    server = Server("later", "sqlite:///{folder}/mlflow.db")
    assert sync("refused", server.uri) > 200
    compare("refused", server.uri, 200)
    assert sync("refused", server.uri) == 0
    server.stop()


subprocess.run([MEDSEG, "data", "phantom", "--out", f"{WORK}/data", "--count", "3", "--quiet"], check=True)
for check in (server_restarts, server_misbehaves, no_server):
    check()
print("mlflow-test: ok")
