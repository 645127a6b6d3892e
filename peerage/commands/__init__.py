"""The operator's commands, one declaration each; run in the server or on a folder that no server owns."""
