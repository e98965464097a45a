namespace Nf.Ctl.Completion;

/// <summary>Scripts that make a shell ask nfctl itself what may come next ([suggest] directive).</summary>
internal static class CompletionScripts
{
    // Every script hands over the command line after the word "nfctl" up to the cursor.
    internal const string Bash =
        """
        # bash completion for nfctl. Load it with: source <(nfctl completion bash)
        _nfctl() {
            local line="${COMP_LINE:0:COMP_POINT}"
            line="${line#"${COMP_WORDS[0]}" }"
            mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)

            # bash breaks words at colons, too, and puts a reply in place of what follows the last.
            local word="${line##* }"
            if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
                COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
            fi
        }
        complete -o nosort -F _nfctl nfctl
        """;

    internal const string Zsh =
        """
        #compdef nfctl
        # zsh completion for nfctl. Load it with: source <(nfctl completion zsh), after compinit
        _nfctl() {
            local line="${LBUFFER#"${words[1]}" }"
            local -a candidates
            candidates=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
            compadd -V nfctl -- "${candidates[@]}"
        }
        compdef _nfctl nfctl
        """;

    internal const string Fish =
        """
        # fish completion for nfctl. Load it with: nfctl completion fish | source
        function __nfctl_complete
            set -l command (commandline --cut-at-cursor --tokenize --current-process)[1]
            set -l all (commandline --cut-at-cursor --current-process | string collect)
            set -l line (string replace -- "$command " "" "$all")
            $command "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete --command nfctl --no-files --keep-order --arguments '(__nfctl_complete)'
        """;
}
