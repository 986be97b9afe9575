"""Reads an import for Infoblox NIOS from standard input with the models of Infoblox's SDK, and prints its forward zones as JSON.

The models accept further fields, so that columns that they do not know are errors here.
"""

import csv
import json
import sys

from ibx_sdk.nios.csv.dns import ForwardZone

columns = {field.serialization_alias or name: name for name, field in ForwardZone.model_fields.items()}
zones = []
for row in csv.DictReader(sys.stdin, strict=True):
    unknown = [column for column in row if column not in columns]
    if unknown or None in row.values():
        sys.exit(f"columns without a field: {unknown}; row: {row}")
    if row.pop("header-forwardzone") != "forwardzone":
        sys.exit("the first column does not name the type of the object")
    values = {columns[column]: value for column, value in row.items()}
    values["forward_to"] = values["forward_to"].split(",")
    zones.append(json.loads(ForwardZone(**values).model_dump_json()))
print(json.dumps(zones))
