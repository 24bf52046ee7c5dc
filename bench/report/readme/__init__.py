"""What READMEs say of the published run: sentences, tables, charts, history."""
