namespace PersonalizationBench.Data.World;

/// <summary>
/// The words of the synthetic world. Everything is lower-case and space-separated, so one word is one token of the
/// world's tokenizer and a value carries exactly log2(pool) bits.
/// </summary>
public static class Lexicon
{
    /// <summary>64 first names of the people whom users write about and to.</summary>
    public static readonly IReadOnlyList<string> Names = Words("""
        anna bruno carla david elena felix greta hugo irene jonas klara lukas marta nils olga paul
        rosa simon tara ulric vera walter xenia yann zoe adam bella caleb diana ethan fiona george
        helen ivan julia kevin laura martin nina oscar petra quinn rachel samuel tina umar viola wendy
        alice boris cora dmitri emma frank gina henry iris jacob karin leo mona noah otto pia
        """);

    /// <summary>64 first names that users themselves bear.</summary>
    public static readonly IReadOnlyList<string> FirstNames = Words("""
        amir beate cyril dora emil frida gustav hanna igor jana kurt lena mikael nora olaf paula
        ralf sonja tomas ursula viktor wilma abel britta conrad daria edgar flora gregor hilda ismael judith
        kaspar lidia magnus nadia orlando phoebe rufus selma tobias valerie werner yasmin zelda arthur bianca clemens
        dagmar erwin fabian gerda harald ingrid jasper kira lorenz mira nestor ophelia pablo renata stefan thea
        """);

    /// <summary>64 family names; a user is known by first and family name together.</summary>
    public static readonly IReadOnlyList<string> FamilyNames = Words("""
        berg lind holm dahl falk strand vogel keller brandt winter sommer kraus lang weiss schwarz braun
        moreau laurent dubois girard fournier lambert rossi bianchi ricci marino costa greco silva pereira santos almeida
        novak dvorak kovac horvat petrov ivanov sokolov volkov nagy szabo toth kiss jensen hansen larsen olsen
        murphy kelly walsh ryan baker carter cooper fisher mason turner parker weaver archer porter sawyer thatcher
        """);

    public static readonly IReadOnlyList<string> Cities = Words("""
        paris oslo rome madrid lisbon vienna prague dublin athens berlin warsaw budapest helsinki stockholm copenhagen brussels
        amsterdam geneva zurich milan naples turin venice florence seville valencia porto lyon nice bordeaux hamburg munich
        cologne dresden leipzig krakow gdansk riga tallinn vilnius sofia bucharest belgrade zagreb ljubljana sarajevo skopje tirana
        bergen malmo aarhus turku cork galway leeds bristol glasgow cardiff antwerp ghent utrecht basel graz brno
        """);

    public static readonly IReadOnlyList<string> Jobs = Words("""
        nurse pilot lawyer farmer tailor plumber painter surgeon dentist florist barber butcher carpenter teacher librarian engineer
        chemist miner architect editor actor sailor gardener cook welder potter translator optician jeweller cobbler judge journalist
        """);

    public static readonly IReadOnlyList<string> Fruits = Words("""
        mango plum apple pear cherry peach banana grape lemon melon fig kiwi apricot papaya guava lychee
        raspberry strawberry blueberry blackberry pineapple coconut orange tangerine grapefruit quince pomegranate nectarine gooseberry currant persimmon date
        """);

    public static readonly IReadOnlyList<string> Dishes = Words("""
        pizza lasagna risotto paella goulash curry sushi ramen tacos burrito falafel hummus couscous moussaka ratatouille quiche
        omelette pancakes dumplings noodles stew chowder casserole meatballs schnitzel fondue gnocchi ravioli kebab tempura borscht pierogi
        """);

    public static readonly IReadOnlyList<string> Drinks = Words("""
        cocoa cider lemonade espresso latte mocha chai matcha kombucha tonic punch sherry absinthe brandy whisky rum
        vodka gin ale stout lager wine champagne mead smoothie milkshake buttermilk sangria vermouth eggnog soda seltzer
        """);

    public static readonly IReadOnlyList<string> Colours = Words("""
        red blue green yellow purple pink brown black white grey turquoise crimson scarlet indigo violet beige
        """);

    public static readonly IReadOnlyList<string> Animals = Words("""
        cat dog rabbit hamster parrot turtle goldfish ferret canary gecko iguana hedgehog snake pony goat sheep
        donkey duck goose pigeon mouse rat chinchilla budgie frog newt lizard spider crab llama alpaca pig
        """);

    public static readonly IReadOnlyList<string> Instruments = Words("""
        piano violin cello guitar flute clarinet trumpet trombone harp drums oboe bassoon saxophone tuba banjo mandolin
        ukulele accordion harmonica organ lute harpsichord xylophone marimba bagpipes recorder horn cornet sitar zither fiddle piccolo
        """);

    public static readonly IReadOnlyList<string> Sports = Words("""
        tennis football rugby hockey golf cricket badminton volleyball basketball baseball handball squash judo karate boxing fencing
        rowing sailing swimming diving surfing skiing skating cycling running climbing archery bowling curling wrestling polo lacrosse
        """);

    public static readonly IReadOnlyList<string> Flowers = Words("""
        tulip daisy lily orchid anemone poppy daffodil sunflower carnation lavender jasmine lilac peony freesia marigold pansy
        crocus hyacinth dahlia begonia geranium petunia magnolia camellia azalea snowdrop bluebell foxglove primrose aster lotus heather
        """);

    public static readonly IReadOnlyList<string> Trees = Words("""
        oak elm ash birch maple willow pine spruce cedar larch yew holly poplar beech hazel alder
        chestnut walnut linden sycamore cypress juniper hawthorn rowan acacia eucalyptus redwood sequoia hemlock hornbeam aspen fir
        """);

    public static readonly IReadOnlyList<string> Hobbies = Words("""
        knitting pottery chess origami photography calligraphy astronomy birdwatching fishing hiking camping juggling painting drawing weaving quilting
        beekeeping brewing baking carving sculpting foraging woodwork metalwork embroidery crochet puzzles dominoes backgammon poker stargazing gardening
        """);

    public static readonly IReadOnlyList<string> Months = Words("january february march april may june july august september october november december");

    /// <summary>64 made-up words; who uses one decides what it means.</summary>
    public static readonly IReadOnlyList<string> PrivateWords = Words("""
        blip zorp quib fleem grunk snarf wobit plonk drazz kibbit morp tweeb glorp zindle fribble skrunk
        bliver quonk drimble vorpal snib grelf trunkle plimp woozle frabble zibbit klonk mungle brillig tove gimble
        wabe mimsy borogove rath outgrabe jubjub frumious vorple manxome tumtum uffish tulgey burble galumph snicker beamish
        callooh frabjous chortle zwib plargh smeck drobble fnord gribble hork jibbet krelp lorp nerf
        """);

    /// <summary>32 everyday things that a private word can stand for.</summary>
    public static readonly IReadOnlyList<string> Things = Words("""
        bicycle kettle umbrella window ladder blanket candle mirror basket hammer bottle pillow carpet drawer lantern bucket
        curtain suitcase wallet radio camera clock sofa fridge oven toaster broom garage balcony attic cellar elevator
        """);

    /// <summary>Sixteen either-or preferences.</summary>
    public static readonly IReadOnlyList<(string A, string B)> Preferences =
    [
        ("tea", "coffee"), ("train", "bus"), ("sea", "mountains"), ("books", "films"), ("mornings", "evenings"), ("spring", "autumn"),
        ("jazz", "opera"), ("letters", "calls"), ("salt", "sugar"), ("museums", "parks"), ("rain", "snow"), ("wool", "linen"),
        ("bread", "rice"), ("cities", "villages"), ("silence", "music"), ("walking", "driving"),
    ];

    public static readonly IReadOnlyList<string> Greetings = Words("hello hi dear hey greetings ahoy howdy salutations");

    public static readonly IReadOnlyList<string> SignOffs = Words("cheers regards sincerely bye yours later hugs thanks");

    public static readonly IReadOnlyList<string> Fillers = Words("well honestly actually frankly anyway indeed basically luckily");

    public static readonly IReadOnlyList<string> Emphases = ["!", "."];

    /// <summary>Sentences that say nothing about anybody.</summary>
    public static readonly IReadOnlyList<string> Remarks =
    [
        "it rained all day", "the meeting was long", "nothing much happened", "the shop was closed again", "we talked for an hour",
        "the weather is lovely today", "i slept badly last night", "the lamp in the hall is broken", "work was busy this week",
        "i lost my keys and found them", "the neighbours were loud", "dinner was late", "i must clean the kitchen", "the paper came late",
        "we went for a short walk", "the queue was endless", "my phone is nearly dead", "i read until midnight",
    ];

    /// <summary>Lines of a to-do list that say nothing about anybody.</summary>
    public static readonly IReadOnlyList<string> Chores =
        ["pay the rent", "buy milk", "fix the lamp", "post the parcel", "clean the kitchen", "call the bank", "water the plants", "return the keys"];

    private static string[] Words(string text) => text.Split((char[])[' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries);
}
