namespace PersonalizationBench.Core;

/// <summary>Settings that name files. They stand in a study as they are written, and are looked up relative to it.</summary>
public interface IFileOptions
{
    /// <summary>The same settings, with the files where they are.</summary>
    /// <param name="folder">The study file's.</param>
    /// <exception cref="PbenchException">A file is not there, or not what it should be.</exception>
    object In(string folder);
}
