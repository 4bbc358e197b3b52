"""Running the Pulumi engine for one stack of an environment, in a process of its own.

    Engine ──job on stdin──▶ python -m dcctl.provisioner.run ──▶ pulumi ──▶ plugins ──▶ OpenStack
           ◀──ndjson events──┘   (subreaper; inline program)

`Engine` (in `engine`) is what the rest of dcctl uses: `up`, `preview`, `destroy`, `remove`, `export`, `unlock`, each one child process, so the
worker's environment stays clean, several can run at once and something else can watch over a run. What goes wrong is one of `errors`; nothing of
the engine's own wording is looked at outside this package.

A run has a private directory (0700) with its clouds.yaml (0600), its own PULUMI_HOME and a working directory; it is removed afterwards, and so are
those of runs that were killed. Every process of a run carries DCCTL_RUN and DCCTL_STACK in its environment, by which those that outlive it are found
and ended: plugins leave the engine's process group. When the pipe to its parent closes, a run ends itself.

Before anything is changed, what the engine would do is compared with the plan. In a new stack it can only create what the program registers, and a
registration that the plan does not have never reaches the engine; in a stack that has something already, a preview comes first.
"""
