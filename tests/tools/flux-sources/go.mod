// The module with the CRDs of Flux's sources, pinned. Nothing is built: the tests serve the artifacts themselves.
module mgnet.dev/tests/tools/flux-sources

go 1.26.0

require github.com/fluxcd/source-controller v1.9.0
