-- Suspends the network: its resources in AWS continue to work, and the operator changes nothing there.

obj.spec.suspend = true
return obj
