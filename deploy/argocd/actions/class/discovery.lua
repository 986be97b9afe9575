-- The action that a MigrationNetworkClass offers: `reconcile` checks the access to its account, and reconciles its networks.

return {
  reconcile = { disabled = false, iconClass = "fa fa-fw fa-redo" },
}
