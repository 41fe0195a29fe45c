"""The log for a SIEM: its sealed entries and signed tree heads as OCSF, CEF or CloudEvents, sent to sinks."""
