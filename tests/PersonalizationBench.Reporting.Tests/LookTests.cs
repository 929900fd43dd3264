namespace PersonalizationBench.Reporting.Tests;
public sealed class LookTests
{
    [Fact]
    public void Draw()
    {
        ReportWriter.Write(SyntheticStudy.World().WriteTo("/tmp/look/quickstart"));
        ReportWriter.Write(SyntheticStudy.Mail().WriteTo("/tmp/look/mail"));
    }
}
