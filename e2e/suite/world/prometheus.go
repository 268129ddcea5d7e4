package world

// PrometheusAddress is where the cluster's Prometheus serves once there is one. It is an address of Services that is set
// aside for those who choose their own, since the cluster has no DNS.
const PrometheusAddress = "10.96.0.90"

// PrometheusURL is how the controller asks it.
const PrometheusURL = "http://" + PrometheusAddress + ":9090"
