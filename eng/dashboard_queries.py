"""Asks a Prometheus every query of a Grafana dashboard.

    dashboard_queries.py DASHBOARD.json PROMETHEUS_URL SECONDS

Exit code 0 only when each query returned, within the last SECONDS, a series with a finite value, and every label that
a legend or a table names is on what came back.
"""

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request

VARIABLES = {"$__rate_interval": "8s", "$node": ".*", "$socket": ".*"}
STEP_SECONDS = 1


def ask(url, path, **parameters):
    query = urllib.parse.urlencode(parameters, doseq=True)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def substitute(text):
    # The longest first, as one name may begin another.
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    return text


def queries(dashboard):
    """Yields (where, expression, labels that must be there)."""
    panels = list(dashboard["panels"])
    while panels:
        panel = panels.pop(0)
        panels += panel.get("panels", [])
        for target in panel.get("targets", []):
            labels = set(re.findall(r"{{\s*(\w+)\s*}}", target.get("legendFormat", "")))
            for transformation in panel.get("transformations", []):
                labels |= set(transformation["options"].get("renameByName", {}))
            yield f"{panel['title']} {target['refId']}", target["expr"], labels
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"], set()


def variables(dashboard):
    """Yields (name, selector, label) of variables that list the values of a label."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            yield variable["name"], selector, label


def fault_of(url, expression, labels, seconds):
    expression = substitute(expression)
    if "$" in expression:
        return f"a variable nobody knows: {expression}"
    now = time.time()
    result = ask(url, "query_range", query=expression, start=now - seconds, end=now, step=STEP_SECONDS)["result"]
    finite = [s for s in result if any(math.isfinite(float(value)) for _, value in s["values"])]
    if not finite:
        return f"{'only NaN' if result else 'no series'}: {expression}"
    missing = sorted(label for label in labels if not any(label in s["metric"] for s in finite))
    return f"no label {', '.join(missing)} on: {expression}" if missing else None


def main():
    path, url, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    faults, asked = [], 0
    for where, expression, labels in queries(dashboard):
        asked += 1
        fault = fault_of(url, expression, labels, seconds)
        if fault:
            faults.append(f"{where}: {fault}")
    for name, selector, label in variables(dashboard):
        asked += 1
        if not any(series.get(label) for series in ask(url, "series", **{"match[]": substitute(selector)})):
            faults.append(f"variable {name}: no {label} on {selector}")
    for fault in faults:
        print(fault)
    print(f"{asked} queries, {len(faults)} without data")
    return 1 if faults or not asked else 0


sys.exit(main())
