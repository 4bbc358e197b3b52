"""Every error that a person can meet: its code, its words, its exit status, and what to do next.

This module is pure. An error is raised with a code and parameters; the API carries both as JSON (`Problem`), the command line turns them
into a sentence of the reader's language. The msgids are English; `locale/` has the French. Placeholders are filled by `str.format`.

    DcctlError            anything with a code
    ├── NotVisible        what one may not see does not exist
    ├── QuotaShort        a demand beyond the envelope, every shortfall named
    ├── SpecRefused       a spec with faults, all of them
    ├── CloudError        OpenStack refused, failed or did not answer
    └── EngineError       the Pulumi engine failed

Code ranges: 0xx usage and client, 1xx identity and visibility, 2xx quota and policy, 3xx requests and environments, 4xx OpenStack and engine,
5xx dcctl itself and the ledger, 6xx asking and deciding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcctl.words import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known about a code: exit status of the command line, HTTP status, sentence, next step, longer explanation."""

    exit: int
    http: int
    text: str
    next: str = ""
    explain: str = ""


#: Exit status: 1 failed, 2 usage, 3 not authenticated or allowed, 4 OpenStack or engine, 5 quota or policy, 6 not found, 8 cancelled,
#: 9 timeout (work goes on), 10 waiting for a decision.
CATALOGUE: dict[str, Entry] = {
    # -- usage and client
    "DCCTL-001": Entry(exit=2, http=422, text=N_("{faults} fault(s) in {source}; nothing was sent."),
                       next=N_("Correct them and submit again."),
                       explain=N_("A spec is checked as a whole: every fault is listed with its line and with what is allowed there.")),
    "DCCTL-002": Entry(exit=2, http=422, text=N_("{field}: {value} is not allowed ({allowed})."),
                       next=N_("Correct the value and repeat the command; nothing was changed."),
                       explain=N_("A value that was typed, or stands in a call or in a server's settings, cannot be right. The sentence names the field, what was found there and what is allowed; where several are wrong, all of them are named. Nothing was begun with it.")),
    "DCCTL-003": Entry(exit=2, http=400, text=N_("{path} cannot be read: {reason}."),
                       next=N_("Give the path of a readable file."),
                       explain=N_("The file or folder that was named is not there, may not be read, or is not of the form that is wanted there. What the system or the file's reader said of it stands behind the colon. What needed the file was not begun.")),
    "DCCTL-004": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl {noun} show {number}, then dcctl {noun} approve {number} --digest {digest} --reason \"…\""),
                       explain=N_("An approval names exactly what it approves. In a script, nobody can be shown the plan and asked, so its digest must be given.")),
    "DCCTL-005": Entry(exit=2, http=400, text=N_("Without a terminal, --confirm {name} is required."),
                       next=N_("The name that is to be typed is {name}."),
                       explain=N_("A severe act asks for the name of what it concerns; --yes is not enough.")),
    "DCCTL-006": Entry(exit=8, http=400, text=N_("Cancelled; nothing was changed."),
                       explain=N_("You answered no to a question, or ended the command (Ctrl-C), while nothing was being asked of the API that changes something. The same command begins anew.")),
    "DCCTL-007": Entry(exit=9, http=504, text=N_("{what} is still under way after {seconds} s; the work goes on."),
                       next=N_("Follow it: {command}"),
                       explain=N_("A command waits for a limited time, or until Ctrl-C; the worker goes on without it. Nothing was stopped and nothing is lost: the command of the next step shows how far it is.")),
    "DCCTL-008": Entry(exit=10, http=409, text=N_("{number} waits for a decision."),
                       next=N_("Follow it: dcctl request watch {number}"),
                       explain=N_("The request is written down, and nothing is built before people have decided on it. dcctl request show tells whose word is missing and until when the request may wait. Where it was returned, or less was granted than was asked, it is the requester's turn.")),
    "DCCTL-009": Entry(exit=2, http=400, text=N_("There is no error code {code}."),
                       next=N_("Codes look like DCCTL-201; dcctl explain lists all of them."),
                       explain=N_("A code is DCCTL- and three figures, as each error shows it; the figures alone are enough, and names of faults such as spec.unknown_flavor are explained too. A server that is newer than this dcctl may have codes that are not known here.")),
    "DCCTL-010": Entry(exit=2, http=400, text=N_("The command line cannot be understood: {reason}"),
                       next=N_("dcctl --help shows the commands."),
                       explain=N_("A command, an option or an argument is not one that dcctl has, has a value of the wrong form, or is missing; the reason names it. Nothing was sent. With --help behind it, each command shows its own arguments and options.")),
    "DCCTL-011": Entry(exit=8, http=400, text=N_("Interrupted while the API was being asked; whether it did what was asked is not known."),
                       next=N_("Look before you repeat it: {command}"),
                       explain=N_("Ctrl-C came after the call was sent and before its answer, so the API may or may not have done what was asked. Nothing else was begun. What was asked once is not lost: the command of the next step shows whether it is there.")),
    "DCCTL-012": Entry(exit=2, http=400, text=N_("There is no spec in the folder {path}."),
                       next=N_("Name a folder with specs in it, or one file."),
                       explain=N_("Of a folder, each file that ends in .yaml or .yml is taken for a spec; folders below it are not looked into. Nothing was sent.")),
    "DCCTL-013": Entry(exit=2, http=400, text=N_("There are {count} specs in the folder {path}; at most {most} are sent at once."),
                       next=N_("Divide them into folders of {most} at most, and send one after the other."),
                       explain=N_("All specs of a folder are examined together, and the API takes so many in one call. Nothing was sent.")),
    "DCCTL-014": Entry(exit=2, http=400, text=N_("{path} cannot be written: {reason}."),
                       next=N_("Name a file in a folder where you may write and that has room, then repeat the command."),
                       explain=N_("The reason is the system's own. A file that stood there before is as it was. What was to be written is not lost: it is made again when the command is repeated.")),
    # -- identity and visibility
    "DCCTL-101": Entry(exit=3, http=401, text=N_("No cloud is chosen."),
                       next=N_("Name one of clouds.yaml: dcctl --os-cloud NAME …, or set OS_CLOUD. Known here: {known}."),
                       explain=N_("dcctl finds Keystone, user and scope in clouds.yaml, as the openstack command does: in the file that OS_CLIENT_CONFIG_FILE names, in the present folder, in ~/.config/openstack or in /etc/openstack; the first that is there counts. An entry that is the only one is chosen by itself.")),
    "DCCTL-102": Entry(exit=3, http=401, text=N_("Keystone refused the user name, the password or the scope of the cloud {cloud}."),
                       next=N_("Check the entry in {file}."),
                       explain=N_("Keystone does not say which of the three it is. A person without a role in the scope is refused like one with a wrong password.")),
    "DCCTL-103": Entry(exit=3, http=401, text=N_("The token has expired or was revoked."),
                       next=N_("Repeat the command; a new token will be asked for."),
                       explain=N_("Keystone gives a token for a limited time, and ends it before when a password or a role changes. The API saw one that is no longer good, and did nothing of what was asked.")),
    "DCCTL-104": Entry(exit=4, http=503, text=N_("Keystone does not answer at {url}."),
                       next=N_("Check the network, then repeat the command; nothing was changed."),
                       explain=N_("Who somebody is, is asked of Keystone first; while it does not answer, nobody is let in. What exists goes on running. If other addresses of the datacenter do not answer either, it is the network between; if they do, tell the datacenter's operators.")),
    "DCCTL-105": Entry(exit=4, http=503, text=N_("dcctl's API does not answer at {url}."),
                       next=N_("Repeat the command in a moment; a submit that was lost is resumed with the same key."),
                       explain=N_("Keystone answered and named this address, but nothing answers there: the API is being restarted, or the network on the way does not let it through. What exists goes on running. A submit whose answer was lost keeps its key, so the same command again is the same request and not a second one.")),
    "DCCTL-106": Entry(exit=3, http=403, text=N_("Your roles ({roles}) do not allow this: {action}."), next=N_("It needs {needed}. See dcctl whoami."),
                       explain=N_("dcctl's own roles decide: dc_agent asks, dc_lead decides for an administration, dc_operator runs the datacenter, dc_auditor reads. Keystone's admin and manager give nothing here.")),
    "DCCTL-107": Entry(exit=6, http=404, text=N_("There is no {kind} {name}."), next=N_("{hint}"),
                       explain=N_("What one may not see answers like what does not exist.")),
    "DCCTL-108": Entry(exit=4, http=503, text=N_("Keystone's catalogue has no service of type self-service."),
                       next=N_("Tell the datacenter's operators; they register it with dcctl-manage bootstrap."),
                       explain=N_("dcctl finds its API in Keystone's catalogue, in the region and the interface of the entry in clouds.yaml. It was never registered there, or only for another region or interface than the entry names. Nothing was sent.")),
    "DCCTL-109": Entry(exit=3, http=401, text=N_("The cloud {cloud} is not in {file}."),
                       next=N_("Known there: {known}."),
                       explain=N_("The name comes from --os-cloud or OS_CLOUD; on a server, from the settings. Only the first clouds.yaml that is found counts: that of OS_CLIENT_CONFIG_FILE, of the present folder, of ~/.config/openstack, of /etc/openstack. Nothing was asked of Keystone.")),
    "DCCTL-110": Entry(exit=3, http=401, text=N_("The cloud {cloud} cannot be used: {reason}."),
                       next=N_("Check the entry in {file}."),
                       explain=N_("The entry is there, but nobody can sign in with it: a value in it has the wrong form, its auth_type does not exist, or what answers at its address is not Keystone. Nothing was asked of dcctl's API. It helps to compare it with an entry that works for the openstack command: those work here, too.")),
    "DCCTL-111": Entry(exit=4, http=503, text=N_("The answer of dcctl's API at {url} was lost; whether it did what was asked is not known."),
                       next=N_("Look before you repeat it: {command}"),
                       explain=N_("The connection broke after the call was sent. A call that changes something is not repeated by itself.")),
    "DCCTL-112": Entry(exit=4, http=502, text=N_("What answers at {url} is not dcctl's API (status {status})."),
                       next=N_("Repeat the command in a moment; if it stays so, tell the datacenter's operators."),
                       explain=N_("A proxy or another service answered in the API's place. Nothing of the answer was used.")),
    "DCCTL-113": Entry(exit=3, http=401, text=N_("The cloud {cloud} lacks {missing}."),
                       next=N_("Complete the entry in {file}; a password belongs in secure.yaml beside it."),
                       explain=N_("The way of signing in that the entry names (auth_type) needs more than is in the entry and in secure.yaml beside it. The names are those of Keystone's own options. Nothing was sent.")),
    "DCCTL-114": Entry(exit=3, http=401, text=N_("The token of the cloud {cloud} has expired or was revoked."),
                       next=N_("Sign in anew where the token came from, and put the new one into {file} (auth: token), or into OS_TOKEN."),
                       explain=N_("The entry holds a token itself, so dcctl cannot ask for another one: the same would be sent for ever. Keystone gives a token for a limited time, and ends it before when a password or a role changes. An entry with a user name and a password, or with an application credential, needs no such care. Nothing was done.")),
    "DCCTL-115": Entry(exit=3, http=401, text=N_("There is no cloud in {file}."),
                       next=N_("Write the entry that the datacenter's operators gave you below clouds: in this file, or name another file in OS_CLIENT_CONFIG_FILE."),
                       explain=N_("The file is there, but it is empty, or has no clouds: with an entry below it. Only the first clouds.yaml that is found counts: that of OS_CLIENT_CONFIG_FILE, of the present folder, of ~/.config/openstack, of /etc/openstack; an empty one hides the others. Nothing was asked of Keystone.")),
    # -- quota and policy
    "DCCTL-201": Entry(exit=5, http=409, text=N_("The envelope of {holder} is not enough ({shortfalls})."),
                       next=N_("Ask for less, give back an environment (dcctl environment list), or ask {grantor} for a larger envelope."),
                       explain=N_("Every resource that falls short is named with what was asked and what is available. Nothing was held, nothing was created.")),
    "DCCTL-202": Entry(exit=5, http=409, text=N_("{holder} cannot give this back ({shortfalls})."),
                       next=N_("What is held or allocated must be freed first: dcctl environment list."),
                       explain=N_("An envelope can only be lowered by what is still available in it.")),
    "DCCTL-203": Entry(exit=5, http=409, text=N_("The digest {given} is not the current one ({digest}); nothing was approved."),
                       next=N_("Look again: dcctl request show {number}"),
                       explain=N_("What is to be built has changed since the digest was shown. An approval holds for exactly one digest.")),
    "DCCTL-204": Entry(exit=5, http=409, text=N_("You asked for {number} yourself; somebody else must decide."),
                       next=N_("Who can decide is said by: dcctl {noun} show {number}"),
                       explain=N_("Nobody decides on what they have asked for, whatever roles they have; whoever edited a request counts as one who asked for it. Nothing was decided. It goes on waiting for those whom it needs.")),
    "DCCTL-205": Entry(exit=5, http=409, text=N_("You have already decided on {number}."),
                       next=N_("Whose word is still missing: dcctl request show {number}"),
                       explain=N_("Each person decides once on a request; a second approval has to be somebody else's. Your decision stands as it was, and nothing was added to it. When the request was returned and is submitted again, you can decide anew.")),
    "DCCTL-206": Entry(exit=5, http=409, text=N_("The datacenter's pool is not enough ({shortfalls})."),
                       next=N_("See dcctl capacity show; operators declare more with dcctl capacity declare."),
                       explain=N_("The pool is what the datacenter's operators have declared and not granted yet; what is not there cannot be granted to anybody. Every resource that falls short is named with what was asked and what is available. Nothing was held or granted.")),
    # -- requests, environments, operations
    "DCCTL-301": Entry(exit=1, http=409, text=N_("{number} is {state}: {action} is not possible."),
                       next=N_("Possible now: {possible}."),
                       explain=N_("A request or an act goes from state to state, and each state allows only some steps; somebody else may have been quicker. Nothing was changed. How it came there: dcctl request show, dcctl act show.")),
    "DCCTL-302": Entry(exit=1, http=409, text=N_("{administration} already has an environment or a pending request named {name}."),
                       next=N_("Choose another name, or see dcctl environment list."),
                       explain=N_("Within an administration, a name belongs to one environment until that is given back, and to one request until that has ended. Nothing was asked for or held. An environment of that name that is being built or given back cannot be changed by a spec before that has ended.")),
    "DCCTL-303": Entry(exit=2, http=409, text=N_("The key {key} was already used for another request."),
                       next=N_("Use a new key for a new request."),
                       explain=N_("A key stands for one call, so that the same command after a lost answer is not done twice. This key came before with something else in it, and nothing was done now. Without --key, dcctl makes a key by itself for each call.")),
    "DCCTL-304": Entry(exit=2, http=409, text=N_("{given} is not the name of what would be destroyed ({name}); nothing was done."),
                       next=N_("See what is meant, then give exactly its name: --confirm {name}"),
                       explain=N_("A severe act wants the name of what it concerns, letter by letter and with nothing around it, so that nobody destroys one thing while thinking of another. What was given is another name, or nothing (–).")),
    "DCCTL-305": Entry(exit=1, http=409, text=N_("{name} is {state}: {action} is not possible."),
                       next=N_("Possible now: {possible}."),
                       explain=N_("An environment or an operation goes from state to state, and each state allows only some steps; somebody else, or the clock, may have been quicker. Nothing was changed. How it came there: dcctl environment show, dcctl operation show.")),
    "DCCTL-306": Entry(exit=1, http=409, text=N_("{administration} exists already."),
                       next=N_("See dcctl administration list; another administration needs another code."),
                       explain=N_("An administration's code is given once and never changes, for its whole history stands under it. Nothing was created or altered. If the same command had no answer a moment ago, it was done then.")),
    "DCCTL-307": Entry(exit=4, http=409, text=N_("{number} failed: {reason}"),
                       next=N_("dcctl operation retry {operation} continues; dcctl operation abandon {operation} gives back."),
                       explain=N_("What was built before the failure is there and known, and what the environment was allocated stays allocated. A retry goes on from there and makes nothing twice. Abandoning, by a lead or an operator, takes a new environment away again, and undoes what a change has begun.")),
    "DCCTL-308": Entry(exit=2, http=422, text=N_("The examination of {number} found {faults} fault(s) in its spec; what it held is given back."),
                       next=N_("Take it back (dcctl request withdraw {number}), correct the spec, submit again."),
                       explain=N_("When a request is examined, every name of its spec is looked up in OpenStack. What has vanished since, or could not be asked before, is found then.")),
    "DCCTL-310": Entry(exit=1, http=409, text=N_("The spec is what {name} is already; there is nothing to change."),
                       next=N_("What is otherwise in the cloud is brought back by dcctl environment repair {name}."),
                       explain=N_("A change is the difference between the spec and the one that the environment was built of; the justification does not count as one. Nothing was asked for and nothing is held.")),
    "DCCTL-311": Entry(exit=5, http=409, text=N_("{name} would last until {until}; the offer {offer} lets it last until {most}."),
                       next=N_("Ask for less, or again when more of its time has passed."),
                       explain=N_("An extension is counted from the present end of an environment (from today when that has passed). The end may not be further from today than the offer's longest duration.")),
    "DCCTL-312": Entry(exit=1, http=409, text=N_("{number} ({kind}) is {state} and works on {name} too: {action} is not possible meanwhile."),
                       next=N_("Wait for its end (dcctl request watch {number}), or take it back (dcctl request withdraw {number}); what has failed is retried or abandoned."),
                       explain=N_("One change of an environment at a time: the plan of a second one would be about something that the first makes different.")),
    "DCCTL-313": Entry(exit=5, http=409, text=N_("This change of {name} would destroy data: {volumes}; nothing was asked for."),
                       next=N_("To keep them, leave kept_volumes out of the spec, or name them there; to destroy them, say so with the environment's name: --confirm {name}"),
                       explain=N_("Volumes are protected. One whose server goes is kept and counted, unless the spec's kept_volumes leaves it out; then it goes when whoever asks types the environment's name, and whoever approves does so too.")),
    "DCCTL-314": Entry(exit=5, http=409, text=N_("{number} destroys, replaces or lessens something of {name} ({things}); nothing was approved."),
                       next=N_("If that is meant, say so with the environment's name: --confirm {name}"),
                       explain=N_("What cannot be undone needs the name of the environment, typed by whoever approves it.")),
    # -- OpenStack and engine
    "DCCTL-401": Entry(exit=4, http=502, text=N_("{service} refused {action} ({status}): {words}"),
                       next=N_("Once what it names is put right: repeat the command, or continue the operation that failed (dcctl operation retry)."),
                       explain=N_("A service of OpenStack answered, and said no. Its own words are shown as it gave them; what they mean is said below them where that is known. What was done before it stays and is known. If nothing of yours is wrong, the datacenter's operators can see in the service's log why it refused.")),
    "DCCTL-402": Entry(exit=4, http=503, text=N_("{service} does not answer: {words}"),
                       next=N_("Repeat the command in a moment, or continue the operation that failed (dcctl operation retry); dcctl status shows the age of each source."),
                       explain=N_("A service of OpenStack gave no answer, said that it has failed, or left out something that must be in its answer. Where that does no harm, it was tried again for some seconds first. Figures that were seen before are kept with their age, and never taken for zero.")),
    "DCCTL-403": Entry(exit=4, http=502, text=N_("The limits of {project} could not be written: {results}"),
                       next=N_("dcctl operation retry continues once the cause is gone."),
                       explain=N_("Each limit is written and then read back. refused: the service said no. ineffective: it said yes and changed nothing. blocked_by_usage: more is in use than the limit is to be; such a change goes on by itself once use has fallen. unsupported: the service has no such limit for a project. Nothing is built on limits that are not as they should be, and nothing is given back.")),
    "DCCTL-404": Entry(exit=4, http=502, text=N_("The engine failed on {resource}: {words}"),
                       next=N_("Once what it names is put right: repeat the command, or continue the operation that failed (dcctl operation retry)."),
                       explain=N_("The engine makes and destroys things through OpenStack's services. It stopped at the one that is named, and its words are shown with those of the service. What it had made before is known and is not made again. The worker's log has more.")),
    "DCCTL-405": Entry(exit=4, http=502, text=N_("The engine wanted to do what the plan does not contain: {steps}"),
                       next=N_("See what is otherwise in the cloud (dcctl environment drift); when that is put right: dcctl operation retry."),
                       explain=N_("An approval binds to a plan. What is outside of it stops the operation before it is done, so nothing of what is named here has happened. Most often somebody has changed or deleted something of the environment beside dcctl since the plan was made.")),
    "DCCTL-406": Entry(exit=4, http=409, text=N_("{environment} cannot be emptied: {things}"),
                       next=N_("Remove what is named, or ask its owner to; then dcctl operation retry {operation}."),
                       explain=N_("Whatever is in the project is deleted before the project itself. What could not be deleted is named with its service and the reason: it is locked, protected, in use, or of another project. What is gone is gone; the envelope gets everything back when the last thing is.")),
    "DCCTL-407": Entry(exit=4, http=409, text=N_("The stack {stack} is locked by a run that has not ended."),
                       next=N_("dcctl operation show tells which; then dcctl operation retry."),
                       explain=N_("The engine locks an environment's stack while it works on it, so that two runs never write the same state. The lock of a run that was killed is taken away; this one belongs to processes that are alive and could not be ended. Nothing was begun.")),
    "DCCTL-408": Entry(exit=4, http=503, text=N_("The copy of OpenStack's catalogue is not there yet."),
                       next=N_("Repeat in a moment; dcctl status shows the age of each source."),
                       explain=N_("Flavors, images, networks and volume types of a spec are looked up in a copy that the worker reads from OpenStack regularly. At a new site there is none until its first reading has succeeded. Nothing was asked for and nothing is held.")),
    "DCCTL-409": Entry(exit=4, http=502, text=N_("The worker's machine lacks this: {why} ({path})."),
                       next=N_("Tell the datacenter's operators; once it is installed, dcctl operation retry continues."),
                       explain=N_("The engine, its provider or the file with its passphrase are not where the worker's settings say.")),
    "DCCTL-410": Entry(exit=4, http=502, text=N_("{operation} was broken off {times} times and is not taken up again by itself."),
                       next=N_("Look at the worker's log for what was killed, then: dcctl operation retry {operation}"),
                       explain=N_("A run whose worker, engine or provider is killed is taken up again by whoever gets its environment next. What is killed each time may be killed by its own doing, so this ends.")),
    "DCCTL-411": Entry(exit=4, http=503, text=N_("The database of the engine's state has no fence."), next=N_("On the server: dcctl-manage db upgrade; then dcctl operation retry."),
                       explain=N_("A table and a trigger in that database refuse the writes of a run that has lost its environment. Without them nothing is begun.")),
    "DCCTL-412": Entry(exit=4, http=503, text=N_("The database of the engine's state does not answer."),
                       next=N_("Once it is back: dcctl operation retry."),
                       explain=N_("The engine keeps what it knows of each environment in a database (engine.backend). Without it nothing is begun, for nobody could tell what exists already. What exists goes on running.")),
    "DCCTL-413": Entry(exit=4, http=503, text=N_("The fence of the engine's state cannot be put up: {words}."),
                       next=N_("The role of engine.backend needs the right to make tables in that database, as the engine itself does; then repeat: dcctl-manage db upgrade"),
                       explain=N_("The fence is a table and a trigger that refuse the writes of a run that has lost its environment. The database refused to make them, in the words that are shown. Until they are there, no environment is built or changed; what exists goes on running.")),
    "DCCTL-420": Entry(exit=4, http=409, text=N_("Data of {environment} are gone from OpenStack: {things}. Nothing was made in their place."),
                       next=N_("Find out who deleted them, and restore them under the same name, or ask the datacenter's operators; then dcctl operation retry."),
                       explain=N_("A volume that dcctl made for data is not there any more. An empty one of the same name would hide the loss, so the operation stops. Operators may let the loss be forgotten: dcctl operation repair.")),
    "DCCTL-421": Entry(exit=4, http=409, text=N_("In {environment} there are several things where there should be one: {things}."),
                       next=N_("Delete or rename what is too much, then dcctl operation retry."),
                       explain=N_("They carry the environment's name and mark, and may hold data of somebody: dcctl does not choose.")),
    "DCCTL-422": Entry(exit=4, http=409, text=N_("Something broken in {environment} cannot be deleted: {things}"),
                       next=N_("Remove what is named, then dcctl operation retry."),
                       explain=N_("A run was interrupted and left this half made. It has to go before it is made again. The services' own words are shown.")),
    "DCCTL-423": Entry(exit=6, http=409, text=N_("There is no certificate of {environment} (it is {state})."),
                       next=N_("It is written when a decommission has destroyed everything: dcctl environment decommission."),
                       explain=N_("A certificate says what was destroyed, when and by whose word. It is written with the end of an environment and stays.")),
    "DCCTL-430": Entry(exit=1, http=409, text=N_("Nothing is known to be otherwise in {name} than it was built."),
                       next=N_("Look anew: dcctl environment drift {name}"),
                       explain=N_("Only differences that a look at the cloud has found, and that nobody has explained yet, can be accepted. The last look found none, or all of them are explained or resolved. Nothing was changed.")),
    "DCCTL-431": Entry(exit=5, http=409, text=N_("{count} plans of {administration} wait for the worker already."), next=N_("Repeat in a moment."),
                       explain=N_("Finding out what would change costs the worker seconds. Those of one administration are found out one after the other.")),
    "DCCTL-660": Entry(exit=1, http=409, text=N_("{name} is being worked on ({operation}); its state cannot be rebuilt now."),
                       next=N_("dcctl operation watch {operation}, then ask again."),
                       explain=N_("The engine's state of an environment is written by one operation at a time.")),
    "DCCTL-661": Entry(exit=1, http=409, text=N_("What is in the cloud of {name} is not what was shown any more; nothing was written."),
                       next=N_("Look again: dcctl operation repair {name}"),
                       explain=N_("A state is rebuilt exactly as it was shown. Something was made, deleted or finished in the meantime.")),
    "DCCTL-662": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl operation repair {name} --digest {digest} --reason \"…\""),
                       explain=N_("Rebuilding a state is done exactly as it was shown. In a script nobody can be asked, so the digest must be given.")),
    # -- the servers' own settings
    "DCCTL-440": Entry(exit=1, http=500, text=N_("The settings' file {file} cannot be read: {reason}."),
                       next=N_("Name the file in DCCTL_CONFIG, and let the server's user read it."),
                       explain=N_("The servers read one TOML file, /etc/dcctl/dcctl.toml unless DCCTL_CONFIG names another. A file that is named must be there.")),
    "DCCTL-441": Entry(exit=1, http=500, text=N_("The settings are not in order: {wrong}."),
                       next=N_("Correct them in {file}, or in the variable DCCTL_SECTION__SETTING that overrides it."),
                       explain=N_("Each setting is named with its section, and with what it must be. Nothing is started with settings that are half understood.")),
    "DCCTL-442": Entry(exit=1, http=500, text=N_("The setting {setting} is missing."),
                       next=N_("Write it into the file that DCCTL_CONFIG names; docs/operators.md has an example."),
                       explain=N_("The program cannot work without this setting, so it did not start; the other ones are not touched by that. It stands in the file under its section, or in a variable DCCTL_SECTION__SETTING.")),
    # -- ledger, limits and use
    "DCCTL-560": Entry(exit=5, http=409, text=N_("{region} is in observe, and nothing is written to OpenStack: {reason}"),
                       next=N_("Look at each difference (dcctl discrepancy list); then dcctl region mode enforce --reason \"…\""),
                       explain=N_("In observe, dcctl compares ledger, limits and use, and writes nothing. A region gets there by an operator's word, or by itself when the ledger was restored to an earlier state.")),
    "DCCTL-561": Entry(exit=1, http=409, text=N_("{number} is resolved."),
                       next=N_("If the difference comes again, it gets a number of its own: dcctl discrepancy list."),
                       explain=N_("A difference is resolved by a person's word, or when a comparison does not find it any more. Then it has ended: what was said of it stays readable (dcctl discrepancy show), and nothing is added. Nothing was changed.")),
    "DCCTL-562": Entry(exit=2, http=422, text=N_("until: {given} is not allowed (a day to come, and only where something is waived)."),
                       next=N_("For example: dcctl discrepancy waive NUMBER --until 2030-01-31 --reason \"…\""),
                       explain=N_("To waive a difference is to accept it until a day; after that it is open again, so the day must lie ahead. Explaining and resolving have no day. Nothing was changed.")),
    "DCCTL-563": Entry(exit=1, http=500, text=N_("The worker's file {path} cannot be used: {why}."),
                       next=N_("Give the worker a directory that it may write (worker.state_dir); the file may be removed when it is damaged."),
                       explain=N_("The worker remembers there how far the ledger had come, so that a restored database is noticed.")),
    "DCCTL-564": Entry(exit=1, http=500, text=N_("The ledger ends at entry {newest} and does not have entry {known} as it was: it was restored."),
                       next=N_("Look at each difference (dcctl discrepancy list); then dcctl region mode enforce --reason \"…\""),
                       explain=N_("The worker remembers the newest entry that it has seen, in a file that no backup of the database brings back. The database knows less than that, so there may be things in OpenStack of which the ledger says nothing. The region observes since then, by itself: nothing is written to OpenStack until an operator has looked at each difference.")),
    "DCCTL-565": Entry(exit=1, http=500, text=N_("The ledger's chain does not lead to the checkpoint of {path} at position {position}: it was restored, or written anew."),
                       next=N_("Have the ledger proved first (dcctl quota verify --checkpoint FILE), and look at each difference (dcctl discrepancy list); then dcctl region mode enforce --reason \"…\""),
                       explain=N_("A worker that starts compares the ledger with the signed checkpoint that it was given (worker.checkpoint). These two do not belong together: the database is an older one or another one, or entries were changed. The region observes since then, by itself: nothing is written to OpenStack until an operator has looked.")),
    "DCCTL-566": Entry(exit=1, http=500, text=N_("This worker remembers nothing of the ledger (worker.state_dir {path}), and no other worker lives."),
                       next=N_("Look at each difference (dcctl discrepancy list); then dcctl region mode enforce --reason \"…\""),
                       explain=N_("A worker on a new machine, or whose directory was lost, cannot tell whether the ledger is still the one that it was, and no other one that could tell is running. So the region observes since then, by itself. If nothing was restored, there are no differences to look at, and an operator can let it go on at once.")),
    "DCCTL-570": Entry(exit=5, http=409, text=N_("Counted since {effective_at}, this would have left less than nothing ({overdrawn}); nothing was posted."),
                       next=N_("Take a later day, or let what pays for it count since then first: --effective of dcctl capacity declare and dcctl quota grant."),
                       explain=N_("What counts since an earlier day changes the balances of every day since. None of them may be below zero, for each account named: whose, of what, how little, and when that was.")),
    "DCCTL-571": Entry(exit=5, http=409, text=N_("{administration} has been below {parent} since {since} only; nothing of theirs counts since {effective_at}."),
                       next=N_("Take a day since then, or leave --effective out."),
                       explain=N_("A grant is paid by the parent. Before the administration moved there it had another one, whose sums of those days would no longer follow from its transfers.")),
    # -- asking and deciding
    "DCCTL-600": Entry(exit=5, http=409, text=N_("{number} has all the approvals that it needs of {role}; still missing: {missing}."),
                       next=N_("Whose word is missing: dcctl request show {number}; why: dcctl policy show"),
                       explain=N_("The policy says whose decisions a request needs. Nobody's second approval stands in for somebody else's.")),
    "DCCTL-601": Entry(exit=3, http=403, text=N_("An emergency is declared by an operator who approves (your roles: {roles}; {action})."),
                       next=N_("Without --emergency the request waits for those whom it needs: dcctl request show {number}"),
                       explain=N_("In an emergency an operator may approve alone, with a reason. The decision is marked, and stays open until somebody else has reviewed it.")),
    "DCCTL-602": Entry(exit=2, http=422, text=N_("More than {number} asks for cannot be granted ({beyond})."),
                       next=N_("Grant as much or less; for more, the requester asks anew."),
                       explain=N_("Whoever decides grants what was asked, or less. Each entry in the brackets shows what you gave and, behind it, the most that can be granted of it; what was not asked for at all cannot be granted. Nothing was decided.")),
    "DCCTL-603": Entry(exit=5, http=409, text=N_("{administration} is now below {parent} and no longer below {was}, which was to pay for {number}; nothing was granted."),
                       next=N_("Return it, so that it is asked anew: dcctl request return {number} --reason \"…\""),
                       explain=N_("What a request for an envelope grants is taken from the administration above. This one was put below another since the request was examined, and the other was never asked. Returned and submitted again, it is examined with the present one.")),
    "DCCTL-604": Entry(exit=2, http=409, text=N_("{number} is about {was}; an edited request stays about the same."),
                       next=N_("Take it back and ask anew: dcctl request withdraw {number}"),
                       explain=N_("A request that is edited keeps its number, its history, its administration and its environment. Something else is another request, with a number of its own. Nothing was changed.")),
    "DCCTL-605": Entry(exit=2, http=422, text=N_("What was sent does not fit {number} ({kind})."),
                       next=N_("A spec for an environment or a change, --duration for an extension, amounts for an envelope."),
                       explain=N_("Each kind of request carries something of its own, and what was sent belongs to another kind than this request is of. Nothing was asked for or changed.")),
    "DCCTL-606": Entry(exit=2, http=422, text=N_("Nothing would be left of {number}."),
                       next=N_("Refuse it: dcctl request refuse {number} --reason \"…\""),
                       explain=N_("Every resource was set to zero, which grants nothing. A no is said as a refusal, with a reason that the requester reads. Nothing was decided.")),
    "DCCTL-607": Entry(exit=5, http=409, text=N_("Of {number} ({kind}) you cannot grant less: there is no less of it, or somebody else gives it."),
                       next=N_("Return it with what should change: dcctl request return {number} --reason \"…\""),
                       explain=N_("Less can be granted of the quota of a new environment or of a change, of an extension's length, and of an envelope by whoever gives it. A repair or a decommission has nothing to lessen, and whoever only has a say in an envelope does not set its size. Nothing was decided.")),
    "DCCTL-609": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl request show {number}, then dcctl request accept {number} --digest {digest}"),
                       explain=N_("A yes names exactly what is granted. In a script, nobody can be shown it and asked, so its digest must be given.")),
    "DCCTL-608": Entry(exit=5, http=409, text=N_("You decided on {number} yourself; somebody else must review it."),
                       next=N_("Somebody else reviews it: dcctl request review {number} --reason \"…\""),
                       explain=N_("A decision in an emergency stays open until another operator, an auditor or a lead of the administration has reviewed it. What was decided stands meanwhile. Nothing was recorded now.")),
    "DCCTL-610": Entry(exit=6, http=404, text=N_("No letter {number} is handed or given up."),
                       next=N_("Which there are: dcctl-manage letters list"),
                       explain=N_("Only of a letter whose end nobody knows (handed), or that was given up, can a person say what becomes of it. This number is not of such a one: the letter was sent, waits its turn, has been decided on already, or is named by the first letter of the same mail. Nothing was changed.")),
    "DCCTL-611": Entry(exit=5, http=409, text=N_("Letter {number} may be on its way at this moment."), next=N_("Repeat in {seconds} s."),
                       explain=N_("A letter is handed from its last byte until the mail server has answered. Only what is handed for longer than any answer takes has an end that nobody knows.")),
    "DCCTL-612": Entry(exit=5, http=409, text=N_("{address} gets no more letters of {administration}, so letter {number} is not sent."),
                       next=N_("Drop it: dcctl-manage letters drop {number} --reason \"…\""),
                       explain=N_("What an administration's contact was told is not told to somebody who is none any more.")),
    "DCCTL-613": Entry(exit=2, http=400, text=N_("What is known of the letter must be said."), next=N_("What did the mail server's log say? --reason \"…\""),
                       explain=N_("A letter that is sent again may arrive twice, one that is dropped never. The audit trail keeps who decided that, and why.")),
    "DCCTL-614": Entry(exit=4, http=429, text=N_("Too many calls from {name}: an administration has {a_minute} a minute, {at_once} at a time."),
                       next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("So that one administration's many people, or its scripts, leave room for the others.")),
    "DCCTL-615": Entry(exit=5, http=409, text=N_("The facts that you were shown for {number} ({given}) are not the present ones ({digest}); nothing was decided."),
                       next=N_("Look again: dcctl request show {number}"),
                       explain=N_("Whoever decides names the digest of the facts that they saw, and exactly those are kept with the decision. Somebody had them looked at anew meanwhile.")),
    "DCCTL-616": Entry(exit=3, http=403, text=N_("{number} was asked for by {requester}; they answer to what is granted."),
                       next=N_("Somebody else of the administration can take it back: dcctl request withdraw {number}"),
                       explain=N_("Less was granted than was asked. Only whoever asked, or edited the request, says yes or no to that; nobody who decided on it does.")),
    "DCCTL-617": Entry(exit=4, http=429, text=N_("Too many tokens that Keystone does not know came from {address}."), next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("Each token that is not known yet is asked of Keystone. From an address that sent many false ones, only some are, so that a flood does not reach Keystone; a token that was right a moment ago goes on.")),
    "DCCTL-618": Entry(exit=2, http=422, text=N_("The servers, volumes and addresses of {number} would not fit in so little (at least: {least})."),
                       next=N_("Grant that much, or return it with what should change: dcctl request return {number} --reason \"…\""),
                       explain=N_("Less of a quota can be granted as far as what is to be built still fits in it. Other servers are another request, which whoever asked edits.")),
    # -- dcctl itself
    "DCCTL-500": Entry(exit=1, http=500, text=N_("Something unforeseen happened in dcctl (reference {reference})."),
                       next=N_("Give the reference to the datacenter's operators; their log has the details."),
                       explain=N_("dcctl met something that it has no answer to. What was being written to its database was undone as a whole. What had begun in OpenStack is known, and its operation tells how far it came (dcctl operation list). The reference leads to the lines of the log where the cause stands.")),
    "DCCTL-501": Entry(exit=4, http=503, text=N_("dcctl's database does not answer."),
                       next=N_("Repeat in a moment; nothing was changed."),
                       explain=N_("While dcctl's database does not answer, nothing is asked, decided or built; what exists goes on running. Operations that were under way are taken up again when it is back. The addresses are in the server's settings, in the section database.")),
    "DCCTL-540": Entry(exit=1, http=500, text=N_("Entry {entry} (position {position}) of the ledger is wrong: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("content: the entry is not what was hashed. chain, position, missing: entries were changed, moved or taken away. account: it names accounts that are not its own, or whose an account is was changed. overdrawn: it takes what is not there. hold: it ends a hold that is not open. Behind the word: what is stored, what it should be.")),
    "DCCTL-541": Entry(exit=1, http=500, text=N_("The chain does not lead to the checkpoint at position {position}: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("checkpoint: the ledger was written anew before that position. cut: it ends before. signature: a recorded checkpoint was not signed by the key. A ledger that was restored from a backup ends before it, too.")),
    "DCCTL-542": Entry(exit=1, http=500, text=N_("This is no whole export of a ledger (after position {position}: {detail})."),
                       next=N_("Export it again: dcctl quota export FILE"),
                       explain=N_("An export has one line for each entry, and a last one that counts them. This one ends too early or has a line of another form: the connection broke, or the file was edited. It proves nothing, neither that the ledger is right nor that it is wrong.")),
    "DCCTL-543": Entry(exit=2, http=400, text=N_("{path} cannot be used: {reason}."),
                       next=N_("Checkpoints and keys are made by dcctl-manage checkpoint."),
                       explain=N_("A checkpoint is a small JSON file that carries its signature, a key is an Ed25519 key in PEM. The file is not there, is of another form or of another chain, was not signed by the key that counts, or is there already and is not written over. What needed it was not done.")),
    "DCCTL-544": Entry(exit=1, http=409, text=N_("Nothing of the ledger is sealed yet, so there is nothing to sign."),
                       next=N_("The worker seals within a second of an entry, once database.sealer is set; then repeat the command."),
                       explain=N_("Entries are bound into a chain soon after they are posted, by the worker and with a database role of its own. A checkpoint signs the end of that chain, and it has no entry yet. Nothing was signed.")),
    "DCCTL-545": Entry(exit=1, http=500, text=N_("A stored balance is not what the entries add up to ({detail})."), next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("Every balance and every open hold is rebuilt from the entries. Named are holder, region, resource and place, then what is stored and what the entries say.")),
    "DCCTL-680": Entry(exit=2, http=400, text=N_("Why the chain is followed anew must be said."), next=N_("Say what was restored, and who knows of it: --reason \"…\""),
                       explain=N_("dcctl-manage ledger follow-again ends the alert of a broken chain. The auditor reads the reason with the account that gave it.")),
    "DCCTL-550": Entry(exit=10, http=409, text=N_("{number} waits for a second operator ({over})."),
                       next=N_("Another operator decides: dcctl act show {number}, dcctl act approve {number} --reason \"…\""),
                       explain=N_("Beyond what one operator may move alone (the site's setting) an act is written down and holds nothing. A second operator approves it; everything is checked again then.")),
    "DCCTL-551": Entry(exit=5, http=409, text=N_("The digest {given} is not that of {number} ({digest}); nothing was approved."), next=N_("Look again: dcctl act show {number}"),
                       explain=N_("An approval names exactly what it approves: the act's number, what it moves, its reason and its document.")),
    "DCCTL-552": Entry(exit=5, http=409, text=N_("{holder} cannot give this back ({shortfalls}); administrations below it have {children}."),
                       next=N_("Take it back from them first: dcctl quota revoke ADMINISTRATION RESOURCE=AMOUNT …"),
                       explain=N_("What an administration has granted to others below it is no longer its own to give back.")),
    "DCCTL-553": Entry(exit=5, http=409, text=N_("These envelopes are more than there is ({shortfalls}); nothing was posted."),
                       next=N_("Lower them in the file, or enlarge first what pays for them: dcctl capacity declare …, dcctl quota grant …"),
                       explain=N_("A file is posted whole or not at all. Every payer that falls short is named with what was asked and what is available, and with who can grant it more.")),
    "DCCTL-554": Entry(exit=5, http=409, text=N_("These envelopes were imported already: {number} is {state}; nothing was posted."),
                       next=N_("See dcctl act show {number}; --again posts them a second time."),
                       explain=N_("A file is recognised by the digest of what it grants, whatever its name, its layout or the order of its lines.")),
    "DCCTL-555": Entry(exit=5, http=409, text=N_("Entry {entry} is itself the reversal of entry {original}; a reversal is not reversed."),
                       next=N_("Post what is right: dcctl quota grant …, dcctl quota revoke …"),
                       explain=N_("A reversal takes an entry back as a whole, and both stay readable for ever. What should be there instead is posted as a new entry with a reason of its own. Nothing was posted.")),
    "DCCTL-556": Entry(exit=5, http=409, text=N_("Entry {entry} cannot be corrected: {why}."), next=N_("See dcctl quota history."),
                       explain=N_("What operators declared, granted or took back can be corrected, once. What a request held or obtained is released or freed by the request's own steps.")),
    "DCCTL-557": Entry(exit=5, http=409, text=N_("Correcting entry {entry} takes more than there is ({shortfalls}); nothing was posted."),
                       next=N_("What was given is in use by now: free it first, or correct less."),
                       explain=N_("A correction takes back what the wrong entry gave. It has been granted on, held or allocated since, so less than that is left where it was given; each resource is named with what is asked and what is available. Nothing was posted.")),
    "DCCTL-558": Entry(exit=5, http=409, text=N_("{administration} is now below {parent}, which is not whom {number} was to draw on; nothing was posted."),
                       next=N_("Refuse it and ask anew: dcctl act refuse {number} --reason \"…\""),
                       explain=N_("An act names who pays for it from the day when it was asked for. Since then the administration was put below another one, and that this one should pay was never asked. The act waits as before.")),
    "DCCTL-559": Entry(exit=5, http=409, text=N_("{administration} cannot leave {parent}: of what it was granted there, this is still out: {children}."),
                       next=N_("Give back what environments have, then dcctl quota revoke; after the move the new parent grants anew."),
                       explain=N_("A move of an administration moves no balance. What its parent was granted would no longer be what all below the parent have, so nothing may be out when it goes.")),
    # -- proof: audit trail, letters, abuse
    "DCCTL-630": Entry(exit=1, http=500, text=N_("Event {entry} (position {position}) of the audit trail is wrong: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl audit export FILE), and tell the datacenter's auditor."),
                       explain=N_("content: the event is not what was hashed. chain, position, missing: events were changed, moved or taken away. Behind the word: what is stored, what it should be.")),
    "DCCTL-631": Entry(exit=1, http=500, text=N_("The audit trail does not lead to the checkpoint at position {position}: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl audit export FILE), and tell the datacenter's auditor."),
                       explain=N_("checkpoint: the trail was written anew before that position. cut: it ends before. signature: a recorded checkpoint was not signed by the key.")),
    "DCCTL-632": Entry(exit=1, http=500, text=N_("This is no whole export of an audit trail (after position {position}: {detail})."),
                       next=N_("Export it again: dcctl audit export FILE"),
                       explain=N_("An export has one line for each event, and a last one that counts them. This one ends too early or has a line of another form: the connection broke, or the file was edited. It proves nothing, neither that the trail is right nor that it is wrong.")),
    "DCCTL-633": Entry(exit=1, http=409, text=N_("No checkpoint of that key is in the export, so it proves nothing against who can write all of it."),
                       next=N_("Have one made (dcctl-manage checkpoint sign --chain audit), or give one that you keep: --checkpoint FILE"),
                       explain=N_("A chain alone proves nothing against the host's administrator, who can compute every hash anew. A checkpoint signed elsewhere binds it.")),
    "DCCTL-634": Entry(exit=5, http=409, text=N_("{administration} has {most} contacts already."), next=N_("Remove one first: dcctl administration contact remove {administration} ADDRESS"),
                       explain=N_("Each letter goes to every contact. A mailing list of the administration's own reaches more people.")),
    "DCCTL-640": Entry(exit=4, http=429, text=N_("Too many calls: one person has {a_minute} a minute, {at_once} at a time."), next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("So that whoever asks in a loop leaves room for others. A script waits as long as the answer's Retry-After says; watching with dcctl request watch costs little.")),
    "DCCTL-641": Entry(exit=5, http=409, text=N_("{administration} has {count} requests that have not ended; {most} are the most."),
                       next=N_("Decide on them or take them back first: dcctl request list --administration {administration}"),
                       explain=N_("Each open request holds a part of the envelope and somebody's attention. The site's setting api.open_requests says how many an administration may have.")),
    "DCCTL-502": Entry(exit=1, http=413, text=N_("The request is too large ({size} bytes; at most {allowed})."),
                       next=N_("Send less: a spec needs some kilobytes, a file of envelopes can be cut into several."),
                       explain=N_("The size of a body is bounded (api.max_body_bytes), and looked at before anything else is.")),
}  # fmt: skip


class DcctlError(Exception):
    """An error with a code of `CATALOGUE` and the parameters of its sentence.

    `params` are JSON-able values; lists and mappings are turned into words where they are shown (dcctl.words.render).
    """

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, Any] = params

    @property
    def entry(self) -> Entry:
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        from dcctl.words import render_error

        return render_error(self.code, self.params)

    def to_json(self) -> dict[str, Any]:
        """`{"code", "params"}`, as it travels and as it is stored."""
        return {"code": self.code, "params": self.params}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "DcctlError":
        """The error that `to_json` wrote; an unknown code (a newer server) becomes DCCTL-500 with the code as reference."""
        code, params = str(document.get("code", "")), dict(document.get("params") or {})
        if code not in CATALOGUE:
            return cls("DCCTL-500", reference=code or "?")
        return _CLASSES.get(code, cls)._of(code, params)

    @classmethod
    def _of(cls, code: str, params: dict[str, Any]) -> "DcctlError":
        error = cls.__new__(cls)
        DcctlError.__init__(error, code, **params)
        return error


class NotVisible(DcctlError):
    """It does not exist, or the reader may not see it: the same answer."""

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__("DCCTL-107", kind=kind, name=name, hint=hint)


class QuotaShort(DcctlError):
    """A demand beyond an envelope; `shortfalls` are `{"resource", "asked", "available"}`, with holder and grantor each where there are several."""

    def __init__(self, holder: str, shortfalls: Iterable[Mapping[str, Any]], *, grantor: str, code: str = "DCCTL-201", **more: Any) -> None:
        super().__init__(code, holder=holder, shortfalls=[dict(s) for s in shortfalls], grantor=grantor, **more)


class SpecRefused(DcctlError):
    """A spec with faults; each is `{"path": [...], "code": "spec.…", "params": {...}}`, the line is the client's to add.

    With `number` they are those of a request that was submitted already (308).
    """

    def __init__(self, faults: Iterable[Mapping[str, Any]], *, source: str = "spec", number: str | None = None) -> None:
        found = [dict(f) for f in faults]
        if number is None:
            super().__init__("DCCTL-001", faults=found, source=source)
        else:
            super().__init__("DCCTL-308", faults=found, source=source, number=number)


class CloudError(DcctlError):
    """OpenStack refused (401), did not answer (402) or did something else with what it was told (403, 406)."""


class EngineError(DcctlError):
    """The Pulumi engine failed (404), wanted more than the plan (405), found its stack locked (407) or is not there (409)."""


_CLASSES: dict[str, type[DcctlError]] = {
    "DCCTL-001": SpecRefused, "DCCTL-308": SpecRefused, "DCCTL-107": NotVisible, "DCCTL-201": QuotaShort, "DCCTL-202": QuotaShort, "DCCTL-206": QuotaShort, "DCCTL-552": QuotaShort,
    "DCCTL-553": QuotaShort, "DCCTL-557": QuotaShort,
    "DCCTL-401": CloudError, "DCCTL-402": CloudError, "DCCTL-403": CloudError, "DCCTL-406": CloudError,
    "DCCTL-404": EngineError, "DCCTL-405": EngineError, "DCCTL-407": EngineError, "DCCTL-409": EngineError,
    "DCCTL-420": EngineError, "DCCTL-421": EngineError, "DCCTL-422": CloudError,
}  # fmt: skip
