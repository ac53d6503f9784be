"""The executor of many processes and machines, on Ray (the extra ``ray``)."""
