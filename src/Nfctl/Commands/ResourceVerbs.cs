using System.CommandLine;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary>The verbs that every kind of resource has: get, list, and one that ends it.</summary>
/// <param name="context">What commands share.</param>
/// <param name="noun">What a resource of the kind is called in a sentence.</param>
/// <param name="names">The names that shells complete.</param>
internal sealed class ResourceVerbs(
    CommandContext context, string noun, Func<CallInvoker, DateTime, IEnumerable<string>> names)
{
    /// <summary>The name of one, which shells complete.</summary>
    internal Argument<string> Name() => ResourceNames.Complete(Args.Name($"Name of the {noun}"), context, names);

    /// <summary><c>get NAME</c>.</summary>
    internal Command Get<T>(
        string help, Func<Session, string, CallOptions, Task<T>> ask, Func<T, IReadOnlyList<Grid>> tables)
        where T : IMessage
    {
        Argument<string> name = Name();
        var get = new Command("get", help) { name };
        context.Handle(get, async (session, cancel) =>
        {
            T one = await ask(session, session.Parsed.GetRequiredValue(name), session.Once(cancel));
            return CommandContext.Print(session, one, () => tables(one));
        });
        return get;
    }

    /// <summary><c>list</c>: every page of it.</summary>
    /// <param name="help">What the help says.</param>
    /// <param name="ask">Asks for one page.</param>
    /// <param name="entries">The entries of a page.</param>
    /// <param name="nextToken">The token of the page after it.</param>
    /// <param name="tables">How people see the entries; programs see one answer that holds them all.</param>
    internal Command List<T, TAnswer>(
        string help,
        Func<Session, Page, CallOptions, Task<TAnswer>> ask,
        Func<TAnswer, RepeatedField<T>> entries,
        Func<TAnswer, string> nextToken,
        Func<IReadOnlyList<T>, IReadOnlyList<Grid>> tables)
        where TAnswer : IMessage, new()
    {
        var list = new Command("list", help);
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            List<T> found = await Pages.ReadAllAsync<T>(async page =>
            {
                TAnswer answer = await ask(session, page, session.Once(cancel));
                return (entries(answer), nextToken(answer));
            });
            var all = new TAnswer();
            entries(all).Add(found);
            return CommandContext.Print(session, all, () => tables(found));
        });
        return list;
    }

    /// <summary><c>VERB NAME</c>: what ends one.</summary>
    /// <param name="verb">delete, as a rule.</param>
    /// <param name="help">What the help says.</param>
    /// <param name="ask">Asks for the end.</param>
    /// <param name="done">What people read behind noun and name.</param>
    /// <param name="options">Options of the verb.</param>
    internal Command End<TAnswer>(
        string verb, string help, Func<Session, string, CallOptions, Task<TAnswer>> ask, string done = "deleted",
        params Option[] options)
        where TAnswer : IMessage
    {
        Argument<string> gone = Name();
        var end = new Command(verb, help) { gone };
        foreach (Option option in options)
        {
            end.Options.Add(option);
        }

        context.Handle(end, async (session, cancel) =>
        {
            string name = session.Parsed.GetRequiredValue(gone);
            TAnswer answer = await ask(session, name, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"{noun} {name} {done}");
        });
        return end;
    }
}
