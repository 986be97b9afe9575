@TITLES@
<#
.SYNOPSIS
Adds the conditional forwarders of AWS Application Migration Service, and corrects those that exist.

.DESCRIPTION
Run the script on a DNS server with Windows Server, as an administrator. It changes nothing if all forwarders are as they should
be. With -WhatIf it only shows what it would change.

.PARAMETER ReplicationScope
The place where new forwarders are stored: None for this server alone, Domain or Forest for all DNS servers of the domain or the
forest that run on domain controllers. Forwarders that exist keep their place.
#>
#Requires -Modules DnsServer
[CmdletBinding(SupportsShouldProcess)]
param(
    [ValidateSet('None', 'Domain', 'Forest')]
    [string] $ReplicationScope = 'None'
)

# The cmdlets of the module DnsServer do not see these preferences, because a module has a scope of its own. That is why each
# call names its error action, and why the script asks ShouldProcess before each change.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$forwarders = @(
@FORWARDERS@
)

$zones = @(Get-DnsServerZone -ErrorAction Stop)
foreach ($forwarder in $forwarders) {
    foreach ($zone in $zones) {
        if ($zone.ZoneName -eq $forwarder.Name -and $zone.ZoneType -ne 'Forwarder') {
            throw "The server has a zone '$($zone.ZoneName)' of the type '$($zone.ZoneType)'. Nothing was changed. Remove that zone first."
        }
    }
}

foreach ($forwarder in $forwarders) {
    $name = $forwarder.Name
    $targets = $forwarder.MasterServers
    $zone = $zones | Where-Object { $_.ZoneName -eq $name }
    if ($null -eq $zone) {
        if ($PSCmdlet.ShouldProcess($name, "Add a conditional forwarder to $($targets -join ', ')")) {
            $place = @{}
            if ($ReplicationScope -ne 'None') {
                $place['ReplicationScope'] = $ReplicationScope
            }
            Add-DnsServerConditionalForwarderZone -Name $name -MasterServers $targets @place -ErrorAction Stop
            Write-Output "${name}: added"
        }
        continue
    }
    $present = @($zone.MasterServers | ForEach-Object { "$_" } | Sort-Object) -join ' '
    if ($present -eq (@($targets | Sort-Object) -join ' ')) {
        Write-Output "${name}: unchanged"
        continue
    }
    if ($PSCmdlet.ShouldProcess($name, "Set the master servers to $($targets -join ', ')")) {
        Set-DnsServerConditionalForwarderZone -Name $name -MasterServers $targets -ErrorAction Stop
        Write-Output "${name}: changed from $present"
    }
}
