"""The parts of READMEs about the published run: sentences, tables, charts, history."""
