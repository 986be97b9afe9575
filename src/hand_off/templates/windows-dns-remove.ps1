@TITLES@
<#
.SYNOPSIS
Removes the conditional forwarders of AWS Application Migration Service.

.DESCRIPTION
Run the script on a DNS server with Windows Server, as an administrator. It removes a forwarder only if its master servers are
those of the network, and warns about all others. With -WhatIf it only shows what it would remove.
#>
#Requires -Modules DnsServer
[CmdletBinding(SupportsShouldProcess)]
param()

# The cmdlets of the module DnsServer do not see these preferences, because a module has a scope of its own. That is why each
# call names its error action, and why the script asks ShouldProcess before each change.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$forwarders = @(
@FORWARDERS@
)

$zones = @(Get-DnsServerZone -ErrorAction Stop)
foreach ($forwarder in $forwarders) {
    $name = $forwarder.Name
    $zone = $zones | Where-Object { $_.ZoneName -eq $name }
    if ($null -eq $zone) {
        Write-Output "${name}: absent"
        continue
    }
    if ($zone.ZoneType -ne 'Forwarder') {
        Write-Warning "${name}: kept, because it is a zone of the type '$($zone.ZoneType)'"
        continue
    }
    $present = @($zone.MasterServers | ForEach-Object { "$_" } | Sort-Object) -join ' '
    if ($present -ne (@($forwarder.MasterServers | Sort-Object) -join ' ')) {
        Write-Warning "${name}: kept, because its master servers are $present"
        continue
    }
    if ($PSCmdlet.ShouldProcess($name, "Remove the conditional forwarder to $present")) {
        Remove-DnsServerZone -Name $name -Force -ErrorAction Stop
        Write-Output "${name}: removed"
    }
}
