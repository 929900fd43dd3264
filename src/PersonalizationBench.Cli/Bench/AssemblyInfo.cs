using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("PersonalizationBench.Cli.Tests")]
