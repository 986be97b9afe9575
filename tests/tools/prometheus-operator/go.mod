// The module with the CRDs of the Prometheus operator, pinned. Nothing is built: the API server of the tests validates with them.
module mgnet.dev/tests/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
