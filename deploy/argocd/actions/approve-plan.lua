-- Approves the plan: the operator carries out what `status.plan` shows, and whatever differs from then on.
-- Where Git says `managementPolicy: Plan`, change it there: self-healing would take this back.

obj.spec.managementPolicy = "Enforce"
return obj
