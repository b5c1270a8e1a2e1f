"""Leads requests to the pods of the embedded cluster: from outside by HTTPRoutes, from pods by names."""
