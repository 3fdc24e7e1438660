<#
.SYNOPSIS
Enqueues jobs for Jobspool, with PowerShell alone (5.1, or 7 on any system).
.DESCRIPTION
As a library: . ./Jobspool.ps1; $id = Submit-BackgroundJob ExampleJob execute @('Sample Data') -Priority 8 -Delay 60 -Retries 3
.EXAMPLE
pwsh Jobspool.ps1 ExampleJob execute '["Sample Data"]' -Priority 8
usage: Jobspool.ps1 CLASS [METHOD [PARAMS-AS-JSON]] [-Priority 1..10] [-Delay SECONDS | -At 2026-11-22T10:15:00Z] [-Retries N] [-Id ID]
#>
param(
    [Parameter(Position = 0)] [string] $Class, [Parameter(Position = 1)] [string] $Method = 'handle', [Parameter(Position = 2)] [string] $ParamsJson = '[]',
    [int] $Priority = 5, [double] $Delay = 0, [datetimeoffset] $At, [int] $Retries, [string] $Id, [string] $Traceparent, [string] $Tracestate
)

# Enqueues a job and returns its id. Params: an array of positional arguments, or a hashtable passed as one; or -ParamsJson, as JSON. Retries: the
# attempts after the first. The spool is $env:JOBSPOOL_DIR, else ./var/spool. Throws a sentence when the job cannot be, or not be written.
function Submit-BackgroundJob {
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Class, [Parameter(Position = 1)] [string] $Method = 'handle', [Parameter(Position = 2)] $Params = @(),
        [string] $ParamsJson, [int] $Priority = 5, [double] $Delay = 0, [datetimeoffset] $At, [int] $Retries, [string] $Id, [string] $Traceparent, [string] $Tracestate
    )
    $ErrorActionPreference = 'Stop'
    if ($Priority -lt 1 -or $Priority -gt 10) { throw "priority: expected a whole number from 1 to 10, got $Priority" }
    if ($Delay -lt 0) { throw "delay: expected a number of seconds from 0 on, got $Delay" }
    if ($Delay -gt 0 -and $PSBoundParameters.ContainsKey('At')) { throw 'expected a delay or a time (at), got both' }
    if ($PSBoundParameters.ContainsKey('Retries') -and $Retries -lt 0) { throw "retries: expected a whole number from 0 on, got $Retries" }
    if ($PSBoundParameters.ContainsKey('Id') -and $Id -cnotmatch '\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z') {
        throw "id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got $Id"
    }
    # ConvertTo-Json makes one element of an array of one that comes through a pipe: it gets it as an argument.
    if (-not $ParamsJson) { $ParamsJson = ConvertTo-Json -InputObject $Params -Depth 100 -Compress }
    if ($ParamsJson -notmatch '\A\s*(\[[\s\S]*\]|\{[\s\S]*\})\s*\z') { throw "params: expected a JSON array or object, got $ParamsJson" }
    $fields = [ordered]@{ class = $Class; method = $Method }
    if ($PSBoundParameters.ContainsKey('Retries')) { $fields.retries = $Retries }
    if ($Traceparent) { $fields.traceparent = $Traceparent }
    if ($Tracestate) { $fields.tracestate = $Tracestate }
    $body = (ConvertTo-Json -InputObject $fields -Compress).TrimEnd('}') + ',"params":' + $ParamsJson + "}`n"

    $now = [datetimeoffset]::UtcNow
    # Not in the calendar of the user's country, which may be in the year 2569.
    $made = $now.ToString("yyyyMMdd'T'HHmmss.ffffff'Z'", [Globalization.CultureInfo]::InvariantCulture) + '-' + [guid]::NewGuid().ToString('N').Substring(0, 6)
    $name = if ($Id) { $Id } else { $made }
    $runAt = if ($PSBoundParameters.ContainsKey('At')) { $At } elseif ($Delay -gt 0) { $now.AddSeconds($Delay) } else { $null }
    $when = if ($null -eq $runAt) { 'now' } else { $runAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmss.fff'Z'", [Globalization.CultureInfo]::InvariantCulture) }
    $spool = if ($env:JOBSPOOL_DIR) { $env:JOBSPOOL_DIR } else { './var/spool' }
    $spool = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($spool)
    $incoming = [IO.Path]::Combine($spool, 'incoming')
    if (-not [IO.Directory]::Exists($incoming)) { throw "enqueue a job: expected a spool in $spool, found none; start the service once, or set JOBSPOOL_DIR" }
    $draft = [IO.Path]::Combine($spool, 'tmp', "$made.json")
    $isUnix = [IO.Path]::DirectorySeparatorChar -eq '/'
    $target = [IO.Path]::Combine($incoming, "p$Priority-$when-$name.json")
    $isOurs = $false
    try {
        $bytes = [Text.UTF8Encoding]::new($false).GetBytes($body)
        $file = [IO.File]::Open($draft, 'CreateNew', 'Write')
        $isOurs = $true
        try { $file.Write($bytes, 0, $bytes.Length); $file.Flush($true) } finally { $file.Dispose() }
        # The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
        if ($isUnix) { chmod 640 $draft }
        # An id of the caller's own may be there already: a link does not replace that request. Move looks, and renames, which may.
        if ($Id -and $isUnix) {
            ln $draft $target
            if ($LASTEXITCODE -ne 0) { throw "$target is there already, or cannot be put there" }
            [IO.File]::Delete($draft)
        } else { [IO.File]::Move($draft, $target) }
    } catch {
        if ($isOurs) { [IO.File]::Delete($draft) }
        throw "enqueue p$Priority-$when-$name.json by ${draft}: $($_.Exception.Message); nothing was enqueued"
    }
    # The name itself survives a power cut once its folder is synced. .NET opens no folders, and Windows syncs none.
    if ($isUnix) {
        sync $incoming
        if ($LASTEXITCODE -ne 0) { throw "enqueue p$Priority-$when-$name.json: $incoming could not be synced; a power cut may lose the job still" }
    }
    $name
}

if ($Class) {
    try { Submit-BackgroundJob @PSBoundParameters }
    catch {
        [Console]::Error.WriteLine($_.Exception.Message)
        exit $(if ($_.Exception.Message -like 'enqueue*') { 1 } else { 2 })
    }
}
