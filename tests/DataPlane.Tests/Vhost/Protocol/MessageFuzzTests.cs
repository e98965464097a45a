using Nf.DataPlane.VhostFuzz;
using Nf.DataPlane.VhostFuzz.Messages;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>A short run of eng/fuzz/Vhost; the long one is a command of its own.</summary>
public class MessageFuzzTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "corpus", "messages");

    [Fact]
    public void Sessions_OfInventedFrontEnds_BreakNoRule()
    {
        var target = new MessageTarget();
        target.Run(200_000, seed: 7, Corpus.Read(Folder), _ => { });
    }

    [Fact]
    public void Corpus_IsUnderstood_NotRefusedAtTheFirstMessage()
    {
        string[] files = Directory.GetFiles(Folder);
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            var target = new MessageTarget();
            string input = File.ReadAllText(file);
            target.RunOne(input, seed: 1);
            int messages = MessageInput.Parse(input, 1).Pieces.Count;
            Assert.StartsWith($"{messages} messages of", target.Describe(), StringComparison.Ordinal);
        }
    }

    [Fact] // the rules themselves must be able to fail
    public void Rules_OfReplies_SeeAReplyTooManyAndOneMissing()
    {
        byte[] asked = Support.Messages.Of(1, []);
        byte[] answer = Support.Messages.Of(1, new byte[8], flags: 5);
        ReplyRules.Check(asked, 1, answer, ended: false);
        Assert.Throws<RuleBrokenException>(() => ReplyRules.Check(asked, 1, [], ended: false));
        Assert.Throws<RuleBrokenException>(() => ReplyRules.Check(asked, 1, [.. answer, .. answer], ended: false));
        answer[4] = 0xd;
        Assert.Throws<RuleBrokenException>(() => ReplyRules.Check(asked, 1, answer, ended: false));
    }
}
