namespace PersonalizationBench.Architecture.Tests;

/// <summary>The eyes of the other tests: what they cannot see they would not find.</summary>
public sealed class RepositoryTests
{
    [Theory]
    [InlineData("a = 1; // new Random()", "a = 1;  ")]
    [InlineData("a /* DateTime.Now\n */ b", "a   b")]
    [InlineData("Say(\"DateTime.Now // \\\" x\"); b", "Say(\"\"); b")]
    [InlineData("Say(@\"a \"\" DateTime.Now\"); b", "Say(\"\"); b")]
    [InlineData("Say(\"\"\"\n a \" DateTime.Now\n\"\"\"); b", "Say(\"\"); b")]
    [InlineData("x = DateTime.Now;", "x = DateTime.Now;")]
    public void Prose_is_not_code(string source, string code) => Assert.Equal(code, Repository.CodeOnly(source));

    [Fact]
    public void The_source_is_found_and_what_builds_leave_is_not()
    {
        Assert.Contains("src/PersonalizationBench.Core/Strategies.cs", Repository.Files);
        Assert.Contains("tests/Architecture.Tests/RepositoryTests.cs", Repository.Files);
        Assert.DoesNotContain(Repository.Files, f => f.Split('/').Any(part => part is "bin" or "obj" or ".git"));
        Assert.DoesNotContain(Repository.Files, f => f.StartsWith("runs/", StringComparison.Ordinal));
        Assert.Contains("results/serving/README.md", Repository.Files);
    }
}
