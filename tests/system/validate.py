# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Validates JSON on standard input: validate.py SCHEMA_FILE [--lines | --wrong-lines]. With --lines each line is
a document; with --wrong-lines each must be a wrong one. Schemas refer to their neighbours by file name. Exits 1,
and says why, where a document is not as it should be; 2 where a schema itself is no good."""
import json
import pathlib
import sys

import jsonschema

try:
    import referencing
    import referencing.jsonschema
except ImportError:  # before jsonschema 4.18
    referencing = None


def load_neighbours(directory):
    store = {}
    for path in directory.glob("*.schema.json"):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        store[path.as_uri()] = schema
    return store


def validator_of(uri, store):
    """A validator by the schema of that address, which may refer to the others."""
    if not referencing:
        resolver = jsonschema.RefResolver(uri, store[uri], store)
        return jsonschema.Draft202012Validator(store[uri], resolver=resolver)
    registry = referencing.Registry().with_resources(
        (address, referencing.Resource.from_contents(schema, referencing.jsonschema.DRAFT202012))
        for address, schema in store.items()
    )
    return jsonschema.Draft202012Validator({"$ref": uri}, registry=registry)


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    try:
        store = load_neighbours(path.parent)
    except (jsonschema.SchemaError, ValueError) as error:
        print(f"{path.parent}: {error}")
        return 2
    validator = validator_of(path.as_uri(), store)
    text = sys.stdin.read()
    documents = text.splitlines() if len(sys.argv) > 2 else [text]
    bad = 0 if documents else 1
    for number, document in enumerate(documents, 1):
        errors = list(validator.iter_errors(json.loads(document)))
        if "--wrong-lines" in sys.argv[2:]:
            if not errors:
                print(f"{path.name}: document {number} should be wrong")
                bad = 1
            continue
        for error in errors:
            where = "/".join(str(part) for part in error.absolute_path)
            print(f"{path.name}: document {number}: {where}: {error.message[:300]}")
            bad = 1
    return bad


sys.exit(main())
