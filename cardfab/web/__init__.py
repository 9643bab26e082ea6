"""The operator page and the API: forms that work without script, made better by HTMX where there is one."""
