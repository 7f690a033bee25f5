"""Asks the Helm that is in helm_python, the package helm-python-sdk, on behalf of tests/chart.rs.

Reads requests from standard input, one JSON document a line, and answers each with one: {"ok": ...} or {"error": "..."}.
"""

import json
import sys

import helm_python as helm


def answer(request):
    chart, values, name = request["chart"], request.get("values", {}), request.get("name", "muster")
    namespace = request.get("namespace", "muster-system")
    match request["do"]:
        case "render":
            with helm.Chart.load(chart) as loaded:
                loaded.validate_schema(values)
                return loaded.render(values, name=name, namespace=namespace)
        case "lint":
            return helm.lint(chart, values, strict=True, namespace=namespace)
        case action:
            with helm.Config(kubeconfig_content=request["kubeconfig"], namespace=namespace) as config:
                if action == "install":
                    return config.install(chart, name, values)
                if action == "upgrade":
                    return config.upgrade(chart, name, values)
                return config.uninstall(name)


for line in sys.stdin:
    try:
        said = {"ok": answer(json.loads(line))}
    except helm.HelmError as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
