-- Approves the plan: the operator makes the calls of `status.plan`, and repairs later drift.
-- If Git contains `managementPolicy: Plan`, change it there: self-healing would revert this action.

obj.spec.managementPolicy = "Enforce"
return obj
