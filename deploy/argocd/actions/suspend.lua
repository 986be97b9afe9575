-- Holds the operator off: what is in AWS goes on working, and nothing is written there.

obj.spec.suspend = true
return obj
