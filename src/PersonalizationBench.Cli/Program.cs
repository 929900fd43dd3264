using System.Runtime.InteropServices;
using PersonalizationBench.Cli;

// The first Ctrl-C (or SIGTERM) asks for an orderly end, the second gets one at once.
using var cancelled = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    if (cancelled.IsCancellationRequested) Environment.Exit(PbenchApp.Cancelled);
    signal.Cancel = true;
    Console.Error.WriteLine("pbench: stopping; once more to stop at once");
    cancelled.Cancel();
}
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

return await PbenchApp.RunAsync(args, Workbench.OfThisMachine(), cancelled.Token);
