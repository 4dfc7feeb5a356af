"""Real ingresses in front of simulated replicas, as Connect's guides have them: sticky by a cookie
that the ingress sets (HAProxy), or by a hash of one (nginx)."""

import urllib.error
import urllib.request

from process import Service
from services import ports_of


class Ingress(Service):
    """Ingress(directory, {name: url}); url is its address."""

    start_deadline_s = 20

    def __init__(self, directory, replicas):
        super().__init__(directory)
        self.backends = {name: url.removeprefix("http://") for name, url in replicas.items()}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.state['port']}"

    def config(self):
        raise NotImplementedError

    def prepare(self, options):
        ports_of(self.state, "port")
        with open(self.file(self.name + ".conf"), "w", encoding="utf-8") as out:
            out.write(self.config())

    def ready(self):
        try:
            with urllib.request.urlopen(self.url + "/__ping__", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class HaProxy(Ingress):
    """A cookie that names the replica, set with the first answer."""

    name = "haproxy"

    def command(self):
        return ["haproxy", "-db", "-f", self.file("haproxy.conf")]

    def config(self):
        servers = "\n".join(
            f"  server {name} {address} check inter 200ms fall 2 rise 1 cookie {name}"
            for name, address in self.backends.items())
        return f"""\
defaults
  mode http
  timeout connect 2s
  timeout client 90s
  timeout server 90s
  option redispatch
frontend front
  bind 127.0.0.1:{self.state['port']}
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk GET /__ping__
  cookie posit-connect insert indirect nocache httponly
{servers}
"""


class Nginx(Ingress):
    """A cookie of each client's own, hashed to a replica."""

    name = "nginx"

    def command(self):
        return ["nginx", "-c", self.file("nginx.conf"), "-p", self.directory]

    def config(self):
        servers = " ".join(f"server {a} max_fails=1 fail_timeout=2s;" for a in
                           self.backends.values())
        temporary = "\n".join(f"  {kind}_temp_path {self.directory}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""\
daemon off;
worker_processes 1;
pid {self.directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{temporary}
  map $cookie_sid $stick {{ default $cookie_sid; "" $request_id; }}
  upstream replicas {{ hash $stick consistent; {servers} }}
  server {{
    listen 127.0.0.1:{self.state['port']};
    location / {{
      proxy_pass http://replicas;
      proxy_read_timeout 90s;
      add_header Set-Cookie "sid=$stick; Path=/; HttpOnly" always;
    }}
  }}
}}
"""
