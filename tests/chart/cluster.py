"""A real API server with its etcd, on free ports, below one folder, for as long as a `with` lasts. No kubelet, no controller:
what is created is judged by the API server alone."""
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from support import ROOT, TOOLS, run

BIN = ROOT / "build/chart-cluster"
TOKEN = "soak"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wayside-cluster."))
        self.running = []
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def process(self, name, *words):
        with open(self.folder / (name + ".log"), "wb") as log:
            self.running.append(subprocess.Popen([str(BIN / name), *words], stdout=log, stderr=log, cwd=self.folder))

    def start(self):
        client, peer, port = free_port(), free_port(), free_port()
        etcd, key = f"http://127.0.0.1:{client}", self.folder / "accounts.key"
        self.process("etcd", "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
                     "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--log-level", "error")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.folder / "tokens").write_text(f"{TOKEN},soak,soak,system:masters\n")
        self.process("kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", str(port),
                     "--cert-dir", str(self.folder / "certificates"), "--token-auth-file", str(self.folder / "tokens"),
                     "--service-account-key-file", str(key), "--service-account-signing-key-file", str(key),
                     "--service-account-issuer", "https://soak.invalid", "--authorization-mode", "RBAC",
                     "--service-cluster-ip-range", "10.96.0.0/16,fd00:96::/112", "--endpoint-reconciler-type", "none")
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "soak",
                  "clusters": [{"name": "soak", "cluster": {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}],
                  "users": [{"name": "soak", "user": {"token": TOKEN}}],
                  "contexts": [{"name": "soak", "context": {"cluster": "soak", "user": "soak"}}]}
        self.config = self.folder / "config"
        self.config.write_text(json.dumps(config))
        self.config.chmod(0o600)
        until = time.monotonic() + 120
        while self.kubectl("get", "--raw", "/readyz").returncode != 0:
            if time.monotonic() > until or any(one.poll() is not None for one in self.running):
                raise RuntimeError((self.folder / "kube-apiserver.log").read_text()[-4000:])
            time.sleep(0.5)

    def kubectl(self, *words, **options):
        return run(TOOLS / "kubectl", "--kubeconfig", self.config, *words, **options)

    def helm(self, *words):
        return run(TOOLS / "helm", "--kubeconfig", self.config, *words)

    def get(self, namespace, kind, name):
        answer = self.kubectl("-n", namespace, "get", kind, name, "-o", "json")
        if answer.returncode != 0:
            raise AssertionError(answer.stderr)
        return json.loads(answer.stdout)
