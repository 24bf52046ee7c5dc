/*
 * Says in which way a SARIF file breaks the public schema of version 2.1.0.
 *
 * usage: node validate.js MODULES FILE, where MODULES is npm's node_modules.
 * Status 1 where it does.
 */
"use strict";
const {createRequire} = require("module");
const fs = require("fs");
const path = require("path");

const [modules, file] = process.argv.slice(2);
const of = createRequire(path.join(path.resolve(modules), "x.js"));
const Ajv = of("ajv");
const ajv = new Ajv({schemaId: "auto", validateSchema: false, allErrors: true});

// The schema is one of draft 4, which this ajv knows by its reference alone.
ajv.addMetaSchema(of("ajv/lib/refs/json-schema-draft-04.json"));
const validate = ajv.compile(of("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"));
if (!validate(JSON.parse(fs.readFileSync(file, "utf8")))) {
  for (const {dataPath, message, params} of validate.errors) {
    console.log(`${dataPath || "the file"} ${message} ${JSON.stringify(params)}`);
  }
  process.exit(1);
}
